# The benchmark's programs (tests/bench/bench.py runs them), and the instruction budgets as a test.
add_executable(bench_bare ${CMAKE_CURRENT_LIST_DIR}/bare.c)
set_target_properties(bench_bare PROPERTIES LINK_ACROSS_FILES ON)
target_link_libraries(bench_bare PRIVATE PkgConfig::MICROHTTPD)
add_executable(bench_transfer ${CMAKE_CURRENT_LIST_DIR}/transfer.c)
set_target_properties(bench_transfer PROPERTIES LINK_ACROSS_FILES ON)
add_executable(bench_search ${CMAKE_CURRENT_LIST_DIR}/search.c)
set_target_properties(bench_search PROPERTIES LINK_ACROSS_FILES ON)
add_executable(bench_instructions ${CMAKE_CURRENT_LIST_DIR}/instructions.c)
set_target_properties(bench_instructions PROPERTIES LINK_ACROSS_FILES ON)
target_link_libraries(bench_instructions PRIVATE framing)
foreach(name IN ITEMS bare search)
    target_compile_definitions(bench_${name} PRIVATE _POSIX_C_SOURCE=200809L)
endforeach()

pkg_check_modules(MICROHTTPD REQUIRED IMPORTED_TARGET libmicrohttpd)
pkg_check_modules(NGHTTP2 IMPORTED_TARGET libnghttp2)
if(NGHTTP2_FOUND)
    add_executable(bench_parsing ${CMAKE_CURRENT_LIST_DIR}/parsing.c)
    set_target_properties(bench_parsing PROPERTIES LINK_ACROSS_FILES ON)
    target_compile_definitions(bench_parsing PRIVATE _POSIX_C_SOURCE=200809L)
    target_link_libraries(bench_parsing PRIVATE framing PkgConfig::NGHTTP2)
endif()

# Counted in the program as it is installed: other presets have other code.
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo" AND NOT FRAMEGATE_SANITIZE)
    add_test(NAME bench.instructions
        COMMAND ${PYTHON3} -B ${CMAKE_CURRENT_LIST_DIR}/budgets.py
                $<TARGET_FILE:bench_instructions>)
    set_tests_properties(bench.instructions PROPERTIES
        LABELS bench
        SKIP_RETURN_CODE 77
        TIMEOUT 300)
endif()
