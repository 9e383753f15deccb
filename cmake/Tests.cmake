# Tests. Each tests/**/*_test.c is one executable and one ctest, named by its path without the
# ending: tests/core/wire/checksum_test.c is core/wire/checksum. Labels: unit (any build), drill
# (packet scripts), check (of the repository and the archive), live (against the kernel). A test that
# cannot run prints "SKIP: name: reason" and exits with 77. Every test finds the program, the build
# and the sources in LASTACK, LASTACK_BUILD and LASTACK_SOURCE.

pkg_check_modules(cmocka REQUIRED IMPORTED_TARGET cmocka)

set(lastack_test_environment
    "LASTACK=${PROJECT_BINARY_DIR}/lastack"
    "LASTACK_BUILD=${PROJECT_BINARY_DIR}"
    "LASTACK_SOURCE=${PROJECT_SOURCE_DIR}")

function(lastack_test_properties name label timeout)
    set_tests_properties(${name} PROPERTIES
        LABELS "${label}" TIMEOUT ${timeout} SKIP_RETURN_CODE 77
        ENVIRONMENT "${lastack_test_environment}")
    if(label STREQUAL "live")
        set_tests_properties(${name} PROPERTIES RUN_SERIAL TRUE)
    endif()
endfunction()

# What every test is compiled with: the strict set without the noise of test tables.
function(lastack_test_flags target)
    lastack_flags(${target})
    lastack_hosted_flags(${target})
    target_compile_options(${target} PRIVATE
        -Wno-conversion -Wno-unused-parameter -Wno-missing-field-initializers
        $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
        "SHELL:-iquote ${PROJECT_SOURCE_DIR}/tests")
endfunction()

file(GLOB support_sources CONFIGURE_DEPENDS tests/support/*.c)
if(support_sources)
    add_library(test_support STATIC EXCLUDE_FROM_ALL ${support_sources})
    lastack_test_flags(test_support)
    target_link_libraries(test_support PUBLIC liblastack PkgConfig::cmocka)
endif()

file(GLOB_RECURSE test_sources CONFIGURE_DEPENDS tests/*_test.c)
foreach(source IN LISTS test_sources)
    file(RELATIVE_PATH path "${PROJECT_SOURCE_DIR}/tests" ${source})
    string(REGEX REPLACE "_test\\.c$" "" path ${path})
    string(REPLACE "/" "_" target "test_${path}")
    set(live FALSE)
    if(path MATCHES "^live/")
        set(live TRUE)
    endif()
    if(live AND NOT LASTACK_SYSTEM_TESTS)
        continue()
    endif()

    add_executable(${target} ${source})
    set_target_properties(${target} PROPERTIES RUNTIME_OUTPUT_DIRECTORY tests)
    lastack_test_flags(${target})
    target_link_libraries(${target} PRIVATE
        $<TARGET_NAME_IF_EXISTS:test_support> liblastack PkgConfig::cmocka PkgConfig::cjson)
    if(path MATCHES "^shim/")
        add_dependencies(${target} lastack_packetdrill)
        target_link_libraries(${target} PRIVATE Threads::Threads ${CMAKE_DL_LIBS})
    endif()
    set(name "${path}${LASTACK_TEST_SUFFIX}")
    if(live)
        add_test(NAME ${name}
            COMMAND "${PROJECT_SOURCE_DIR}/scripts/run-live" $<TARGET_FILE:${target}>)
        lastack_test_properties(${name} live 400)
    else()
        add_test(NAME ${name} COMMAND ${target} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
        lastack_test_properties(${name} unit 200)
    endif()
endforeach()

# Lastack's own packet scripts, all of them in each way: over both versions of IP, with the fast path
# on and off, and with the peer's sequence numbers across the wrap.
foreach(way ipv4 ipv4-slow ipv4-wrap ipv6 ipv6-slow)
    set(name "drill/own/${way}${LASTACK_TEST_SUFFIX}")
    add_test(NAME ${name} COMMAND scripts/conformance --run ${way}
        WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    lastack_test_properties(${name} "unit;drill" 120)
endforeach()

# The lists of packet scripts that lie beside the repository, where they do: how many must pass.
# They are no part of it and have licences of their own.
set(LASTACK_PACKETDRILL "${PROJECT_SOURCE_DIR}/../shared/packetdrill" CACHE PATH
    "Packet scripts to be measured against")
function(lastack_drill_list name floor)
    if(EXISTS "${LASTACK_PACKETDRILL}/${name}.txt")
        add_test(NAME "drill/list/${name}${LASTACK_TEST_SUFFIX}"
            COMMAND lastack drill --at-least ${floor} ${ARGN} "@${LASTACK_PACKETDRILL}/${name}.txt")
        lastack_test_properties("drill/list/${name}${LASTACK_TEST_SUFFIX}" unit 60)
    endif()
endfunction()
lastack_drill_list(core 43)
lastack_drill_list(freebsd-neutral 108 --persona freebsd)
lastack_drill_list(linux-passes 106)

if(NOT LASTACK_SYSTEM_TESTS)
    return()
endif()

file(GLOB live_scripts CONFIGURE_DEPENDS tests/live/*.sh)
foreach(script IN LISTS live_scripts)
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME live/${name} COMMAND "${PROJECT_SOURCE_DIR}/scripts/run-live" ${script})
    lastack_test_properties(live/${name} live 400)
endforeach()

# The checks of the repository and, for each of them, a test that sees it fail.
function(lastack_check name)
    add_test(NAME check/${name} COMMAND ${ARGN} WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}")
    lastack_test_properties(check/${name} check 60)
endfunction()
lastack_check(includes scripts/check-includes)
lastack_check(imports scripts/check-imports "${PROJECT_BINARY_DIR}/liblastack_core.a")
lastack_check(sizes scripts/check-sizes)
lastack_check(rfc-map scripts/rfc-map --check)
lastack_check(conformance scripts/conformance --check)
lastack_check(links scripts/check-links)

file(GLOB check_scripts CONFIGURE_DEPENDS tests/scripts/*_test.sh)
foreach(script IN LISTS check_scripts)
    get_filename_component(name ${script} NAME_WE)
    string(REGEX REPLACE "_test$" "" name ${name})
    add_test(NAME scripts/${name} COMMAND bash ${script})
    lastack_test_properties(scripts/${name} check 120)
endforeach()
