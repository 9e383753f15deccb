# Fuzz targets: each tests/fuzz/NAME_fuzz.c becomes build/fuzz/fuzz/NAME, linked with libFuzzer.

if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
    message(FATAL_ERROR "LASTACK_FUZZ needs clang: cmake --preset fuzz")
endif()

file(GLOB fuzz_sources CONFIGURE_DEPENDS tests/fuzz/*_fuzz.c)
foreach(source IN LISTS fuzz_sources)
    get_filename_component(name ${source} NAME_WE)
    string(REGEX REPLACE "_fuzz$" "" name ${name})
    add_executable(fuzz_${name} ${source})
    set_target_properties(fuzz_${name} PROPERTIES
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY fuzz)
    lastack_flags(fuzz_${name})
    lastack_hosted_flags(fuzz_${name})
    target_compile_options(fuzz_${name} PRIVATE -Wno-missing-prototypes)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(fuzz_${name} PRIVATE liblastack)
endforeach()
