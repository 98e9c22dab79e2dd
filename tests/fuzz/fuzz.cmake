# Fuzz targets. With FRAMEGATE_FUZZ each is a libFuzzer program; otherwise its kept corpus is
# replayed as an ordinary test. What a fuzzer collected for a target is in corpus/TARGET.tar.gz
# (pack.sh makes it); a finding stays in corpus/TARGET as a file of its own. The build folder gets
# both in one folder, corpus/TARGET.
function(unpack_corpus name)
    set(source ${CMAKE_CURRENT_SOURCE_DIR}/fuzz/corpus)
    set(unpacked ${CMAKE_BINARY_DIR}/corpus/${name})
    file(REMOVE_RECURSE ${unpacked})
    file(ARCHIVE_EXTRACT INPUT ${source}/${name}.tar.gz DESTINATION ${unpacked})
    file(GLOB findings CONFIGURE_DEPENDS ${source}/${name}/*)
    file(COPY ${findings} DESTINATION ${unpacked})
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${source}/${name}.tar.gz)
endfunction()

function(add_fuzz_target name library)
    unpack_corpus(${name})
    add_executable(fuzz_${name} fuzz/fuzz_${name}.c)
    target_link_libraries(fuzz_${name} PRIVATE ${library})
    if(FRAMEGATE_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    else()
        target_sources(fuzz_${name} PRIVATE fuzz/replay.c)
        target_compile_definitions(fuzz_${name} PRIVATE _XOPEN_SOURCE=700)
        add_test(NAME fuzz.${name} COMMAND fuzz_${name} ${CMAKE_BINARY_DIR}/corpus/${name})
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
