# The conformance driver over all vector files.
add_executable(conformance
    conformance/common.c
    conformance/human.c
    conformance/main.c
    conformance/makers.c
    conformance/reactor.c)
target_compile_definitions(conformance PRIVATE _POSIX_C_SOURCE=200809L)
target_link_libraries(conformance PRIVATE framing PkgConfig::JANSSON)

file(GLOB vector_files CONFIGURE_DEPENDS vectors/*.jsonl)
foreach(vector_file IN LISTS vector_files)
    get_filename_component(name ${vector_file} NAME_WE)
    add_test(NAME conformance.${name} COMMAND conformance ${vector_file})
endforeach()

add_test(NAME conformance.driver
         COMMAND ${PYTHON3} ${CMAKE_CURRENT_SOURCE_DIR}/conformance/test_driver.py)
set_tests_properties(conformance.driver PROPERTIES
    ENVIRONMENT "CONFORMANCE=$<TARGET_FILE:conformance>")
