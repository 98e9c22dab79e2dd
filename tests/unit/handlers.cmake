# Unit tests of handlers/: one executable per module or group of small ones.
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)

foreach(module IN ITEMS branches changeset chunk config files nodetable notices obsolete process
                        registry revlog storepath view)
    add_executable(test_repo_${module} unit/test_repo_${module}.c)
    target_compile_definitions(test_repo_${module} PRIVATE _GNU_SOURCE)
    target_link_libraries(test_repo_${module} PRIVATE handlers PkgConfig::CMOCKA PkgConfig::ZLIB
                          PkgConfig::ZSTD)
    add_test(NAME unit.repo.${module} COMMAND test_repo_${module})
    set_tests_properties(unit.repo.${module} PROPERTIES LABELS unit TIMEOUT 300)
endforeach()

foreach(module IN ITEMS bundle memory patience)
    add_executable(test_${module} unit/test_${module}.c)
    target_compile_definitions(test_${module} PRIVATE _GNU_SOURCE)
    target_link_libraries(test_${module} PRIVATE handlers PkgConfig::CMOCKA)
    add_test(NAME unit.${module} COMMAND test_${module})
    set_tests_properties(unit.${module} PROPERTIES LABELS unit TIMEOUT 300)
endforeach()
