# Unit tests of gateway/, and the program with handlers made for tests (tests/support).
add_library(fake_handlers STATIC ${CMAKE_CURRENT_LIST_DIR}/../support/fake_handlers.c)
target_link_libraries(fake_handlers PUBLIC framing)
target_compile_definitions(fake_handlers PRIVATE _POSIX_C_SOURCE=200809L)

add_executable(framegate-fake ${CMAKE_SOURCE_DIR}/gateway/main.c)
target_link_libraries(framegate-fake PRIVATE serve tools fake_handlers)
