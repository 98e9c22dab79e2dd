# Unit tests of gateway/, and the program with handlers made for tests (tests/support).
add_library(fake_handlers STATIC ${CMAKE_CURRENT_LIST_DIR}/../support/fake_handlers.c
            ${CMAKE_SOURCE_DIR}/handlers/repo/configpath.c
            ${CMAKE_SOURCE_DIR}/handlers/memory.c
            ${CMAKE_SOURCE_DIR}/handlers/patience.c)
target_link_libraries(fake_handlers PUBLIC framing)
target_compile_definitions(fake_handlers PRIVATE _POSIX_C_SOURCE=200809L)

add_executable(framegate-fake ${CMAKE_SOURCE_DIR}/gateway/main.c)
target_link_libraries(framegate-fake PRIVATE serve tools fake_handlers)

pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
foreach(name IN ITEMS access adminjson bundlecache classic compress config exchange histogram mediatype pump respond
                 route workers)
    add_executable(test_gateway_${name} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c)
    target_compile_definitions(test_gateway_${name} PRIVATE _GNU_SOURCE)
    target_link_libraries(test_gateway_${name} PRIVATE serve fake_handlers PkgConfig::CMOCKA)
    if(name STREQUAL "compress")
        target_link_libraries(test_gateway_compress PRIVATE PkgConfig::ZLIB PkgConfig::ZSTD)
    endif()
    add_test(NAME unit.gateway.${name} COMMAND test_gateway_${name})
    set_tests_properties(unit.gateway.${name} PROPERTIES LABELS unit TIMEOUT 300)
endforeach()
foreach(name IN ITEMS adminjson exchange)
    target_link_options(test_gateway_${name} PRIVATE
        -Wl,--wrap=malloc -Wl,--wrap=calloc -Wl,--wrap=realloc)
endforeach()
