# Compiler flags. One set of warnings for everything; the core adds what makes it freestanding.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# Assertions are the project's own and always on, so NDEBUG plays no part.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g -fno-omit-frame-pointer")
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()

set(lastack_warnings
    -Wall -Wextra -Wpedantic -Wshadow -Wcast-align -Wstrict-prototypes -Wmissing-prototypes
    -Wpointer-arith -Wundef -Wvla -Wwrite-strings -Wimplicit-fallthrough)
if(LASTACK_WERROR)
    list(APPEND lastack_warnings -Werror)
endif()

set(lastack_sanitizers)
if(LASTACK_SANITIZE)
    set(lastack_sanitizers -fsanitize=address,undefined -fno-sanitize-recover=all)
endif()
if(LASTACK_FUZZ)
    list(APPEND lastack_sanitizers -fsanitize=fuzzer-no-link)
endif()

# For every target. __FILE__ becomes relative to the repository.
function(lastack_flags target)
    target_compile_options(${target} PRIVATE
        ${lastack_warnings} ${lastack_sanitizers} -fno-semantic-interposition
        "-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=")
    target_link_options(${target} PRIVATE ${lastack_sanitizers})
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/include")
endfunction()

# The core: "wire/tcp.h" is core/wire/tcp.h. What a hosted compiler adds on its own (fortified
# calls, stack protection, link-time optimisation) would import symbols or hide the real size.
function(lastack_core_flags target)
    target_compile_options(${target} PRIVATE
        -Wconversion -ffreestanding -fno-stack-protector -fno-lto -U_FORTIFY_SOURCE
        "SHELL:-iquote ${PROJECT_SOURCE_DIR}/core")
endfunction()

# Everything else also sees its own folders from the root: "link/tun.h".
function(lastack_hosted_flags target)
    target_compile_definitions(${target} PRIVATE _GNU_SOURCE)
    target_compile_options(${target} PRIVATE
        -Wconversion
        "SHELL:-iquote ${PROJECT_SOURCE_DIR}/core" "SHELL:-iquote ${PROJECT_SOURCE_DIR}")
endfunction()
