# Fuzz targets. With FRAMEGATE_FUZZ each is a libFuzzer program; otherwise its kept corpus is
# replayed as an ordinary test. A finding stays in the corpus as a file of its own.
function(add_fuzz_target name library)
    add_executable(fuzz_${name} fuzz/fuzz_${name}.c)
    target_link_libraries(fuzz_${name} PRIVATE ${library})
    if(FRAMEGATE_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(fuzz_${name} PRIVATE fuzz/replay.c)
        target_compile_definitions(fuzz_${name} PRIVATE _XOPEN_SOURCE=700)
        add_test(NAME fuzz.${name}
                 COMMAND fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus/${name})
    endif()
endfunction()

# Count the branches of what is fuzzed, not only of the target.
if(FRAMEGATE_FUZZ)
    target_compile_options(framing PRIVATE -fsanitize=fuzzer-no-link)
endif()

add_fuzz_target(cbor framing)
add_fuzz_target(frame framing)
add_fuzz_target(humanstring framing)
add_fuzz_target(reactor framing)
