# Fuzz target of gateway/: requests end to end, with the real commands.
if(FRAMEGATE_FUZZ)
    target_compile_options(serve PRIVATE -fsanitize=fuzzer-no-link)
endif()

add_fuzz_target(http serve)
target_link_libraries(fuzz_http PRIVATE handlers)
target_compile_definitions(fuzz_http PRIVATE _GNU_SOURCE)

add_fuzz_target(classic serve)
target_link_libraries(fuzz_classic PRIVATE handlers)
