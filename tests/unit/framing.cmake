# Unit tests of framing/: one executable per module, linked with nothing but the library.
foreach(module IN ITEMS buffer cbor escape frame framegen humanstring literal reactor response
                        stream utf8)
    add_executable(test_${module} unit/test_${module}.c)
    target_link_libraries(test_${module} PRIVATE framing PkgConfig::CMOCKA)
    add_test(NAME unit.framing.${module} COMMAND test_${module})
endforeach()

# Every allocation of a scenario fails in turn; the linker puts the test's allocator in between.
add_executable(test_allocation unit/test_allocation.c)
target_link_libraries(test_allocation PRIVATE framing PkgConfig::CMOCKA)
target_link_options(test_allocation PRIVATE -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc)
add_test(NAME unit.framing.allocation COMMAND test_allocation)
