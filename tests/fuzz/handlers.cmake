# Fuzz targets of handlers/: the readers of repository files.
if(FRAMEGATE_FUZZ)
    target_compile_options(handlers PRIVATE -fsanitize=fuzzer-no-link)
endif()

add_fuzz_target(revlog handlers)
add_fuzz_target(patch handlers)
add_fuzz_target(obsolete handlers)
add_fuzz_target(changeset handlers)
