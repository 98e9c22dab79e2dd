/* Human strings: errors that name the field, and the round trip over random frames. */
#define _GNU_SOURCE /* memmem */
#include "tests/support/support.h"

#include "framing/humanstring.h"

static void assert_refused(struct fg_bytes line, size_t offset, const char *message)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(1000);
    struct fg_error error = {0};
    assert_int_equal(fg_buffer_append_string(&buffer, "before"), FG_OK);
    assert_int_equal(fg_humanstring_encode(line, &buffer, &error), FG_ERR_SYNTAX);
    assert_string_equal(error.message, message);
    assert_int_equal(error.offset, offset);
    assert_bytes(fg_buffer_view(&buffer), "before");
    fg_buffer_free(&buffer);
}

static void an_error_names_the_field_and_what_was_expected(void **state)
{
    (void)state;
    static const char form[] = "expected <request-id> <stream-id> <stream-flags> <type> <flags> "
                               "<payload>";
    char message[256];
    snprintf(message, sizeof message, "the line ends in field request-id; %s", form);
    assert_refused(BYTES(""), 0, message);
    snprintf(message, sizeof message, "the line ends in field flags; %s", form);
    assert_refused(BYTES("1 1 0 1 0"), 9, message);
    assert_refused(BYTES("x 1 0 1 0 "), 0, "request-id \"x\": expected a number from 0 to 65535");
    assert_refused(BYTES("65536 1 0 1 0 "), 0,
                   "request-id \"65536\": expected a number from 0 to 65535");
    assert_refused(BYTES(" 1 0 1 0 "), 0, "request-id \"\": expected a number from 0 to 65535");
    assert_refused(BYTES("1 -1 0 1 0 "), 2, "stream-id \"-1\": expected a number from 0 to 255");
    assert_refused(BYTES("1 1 encoded|x 1 0 "), 12,
                   "stream-flags \"x\": expected stream-begin, stream-end, encoded or a number "
                   "from 0 to 255");
    assert_refused(BYTES("1 1 0 nope 0 "), 6,
                   "type \"nope\": expected the name of a frame type or a number from 0 to 15");
    assert_refused(BYTES("1 1 0 16 0 "), 6,
                   "type \"16\": expected the name of a frame type or a number from 0 to 15");
    assert_refused(BYTES("1 1 0 command-request eos "), 22,
                   "flags \"eos\": expected new|continuation|more|have-data or a number from 0 to "
                   "15");
    assert_refused(BYTES("1 1 0 progress 1|| "), 17, "flags \"\": expected a number from 0 to 15");
    assert_refused(BYTES("1 1 0 1 0 ab\\x4"), 12, "payload: escape \\x needs 2 hex digits");
    assert_refused(BYTES("1 1 0 1 0 cbor:[1"), 17,
                   "payload: expected ',' or ']', but the literal ends");
    assert_refused(BYTES("1 1 0 1 0 cbor:{1:2}\n"
                         "}"),
                   21, "payload: expected the end of the literal, found }");
    assert_refused(BYTES("\n\"\x01 1 0 1 0 "), 0,
                   "request-id \"\\n\\\"\\x01\": expected a number from 0 to 65535");
}

static void assert_decodes(const struct fg_frame *frame, const char *expected)
{
    struct fg_buffer buffer = FG_BUFFER_INIT(1000);
    assert_int_equal(fg_humanstring_decode(frame, &buffer), FG_OK);
    assert_int_equal(fg_buffer_append_byte(&buffer, 0), FG_OK);
    assert_string_equal((const char *)buffer.data, expected);
    fg_buffer_free(&buffer);
}

static struct fg_frame frame_of(uint8_t streamflags, uint8_t type, uint8_t flags,
                                struct fg_bytes payload)
{
    return (struct fg_frame){{(uint32_t)payload.size, 1, 2, streamflags, type, flags},
                             payload.data};
}

static void names_are_used_where_there_are_any(void **state)
{
    (void)state;
    struct fg_frame frame = frame_of(1, 1, 9, BYTES("\xa1\x44name\x45heads"));
    assert_decodes(&frame, "1 2 stream-begin command-request new|have-data "
                           "cbor:{b'name': b'heads'}");
    frame = frame_of(0, 4, 0, BYTES(""));
    assert_decodes(&frame, "1 2 0 bytes-response 0 ");
    frame = frame_of(0xf9, 6, 3, BYTES("\xff"));
    assert_decodes(&frame, "1 2 stream-begin|248 text-output 3 \\xff");
    frame = frame_of(0x80, 15, 15, BYTES("\xff"));
    assert_decodes(&frame, "1 2 128 15 15 \\xff");
    frame = frame_of(0, 3, 6, BYTES("xy"));
    assert_decodes(&frame, "1 2 0 command-data eos|4 xy");
}

static void payloads_that_would_be_misread_are_escaped(void **state)
{
    (void)state;
    struct fg_frame frame = frame_of(0, 3, 2, BYTES("cbor:1"));
    assert_decodes(&frame, "1 2 0 command-data eos \\x63bor:1");
    frame = frame_of(0, 3, 2, BYTES("two  "));
    assert_decodes(&frame, "1 2 0 command-data eos two \\x20");
    frame = frame_of(0, 3, 2, BYTES("\\ a\n"));
    assert_decodes(&frame, "1 2 0 command-data eos \\\\ a\\n");
    /* Not canonical, so a literal would encode to something else. */
#define _GNU_SOURCE /* memmem */
    frame = frame_of(0, 3, 2, BYTES("\x18\x01"));
    assert_decodes(&frame, "1 2 0 command-data eos \\x18\\x01");
}

/* Fills a payload that is CBOR, nearly CBOR or noise. */
static size_t random_payload(uint64_t *random, uint8_t *payload, size_t capacity)
{
    size_t size = next_random(random) % capacity;
    unsigned style = next_random(random) % 4;
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(next_random(random) >> 32);
        static const uint8_t heads[] = {0x00, 0x01, 0x20, 0x41, 0x61, 0x80, 0x81, 0x82,
                                        0xa0, 0xa1, 0xf4, 0xf6, 0xf7, 0xf9, 0xc2, 0x40};
        payload[i] = style == 0 ? byte : style == 1 ? heads[byte % 16] : (uint8_t)(byte % 0x60);
    }
    return size;
}

static void random_frames_survive_decoding_and_encoding(void **state)
{
    (void)state;
    uint64_t random = 20180408;
    unsigned with_cbor = 0;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t payload[40];
        uint64_t bits = next_random(&random);
        struct fg_frame frame = {
            .header = {.requestid = (uint16_t)bits,
                       .streamid = (uint8_t)(bits >> 16),
                       .streamflags = (uint8_t)(bits >> 24 & (bits >> 60 ? 7 : 255)),
                       .type = bits >> 32 & 15,
                       .flags = bits >> 36 & 15},
            .payload = payload,
        };
        frame.header.length =
            (uint32_t)random_payload(&random, payload, round % 2 == 0 ? 6 : sizeof payload);
        struct fg_buffer bytes = FG_BUFFER_INIT(100);
        struct fg_buffer human = FG_BUFFER_INIT(1000);
        struct fg_buffer again = FG_BUFFER_INIT(100);
        assert_int_equal(fg_frame_append(&bytes, &frame.header, payload, 100), FG_OK);
        assert_int_equal(fg_humanstring_decode(&frame, &human), FG_OK);
        assert_int_equal(fg_humanstring_encode(fg_buffer_view(&human), &again, NULL), FG_OK);
        assert_true(fg_bytes_equal(fg_buffer_view(&bytes), fg_buffer_view(&again)));
        for (size_t i = 0; i < human.size; i++) {
            assert_in_range(human.data[i], 0x20, 0x7e);
        }
        with_cbor += memmem(human.data, human.size, "cbor:", 5) != NULL;
        fg_buffer_free(&bytes);
        fg_buffer_free(&human);
        fg_buffer_free(&again);
    }
    /* Both forms must have been met often for this to mean anything. */
    assert_in_range(with_cbor, 500, 18000);
}

static void a_full_buffer_is_left_as_it_was(void **state)
{
    (void)state;
    struct fg_frame frame = frame_of(0x81, 1, 9, BYTES("\xff cbor"));
    for (size_t ceiling = 0; ceiling < 57; ceiling++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(ceiling);
        assert_int_equal(fg_humanstring_decode(&frame, &buffer), FG_ERR_LIMIT);
        assert_int_equal(buffer.size, 0);
        fg_buffer_free(&buffer);
    }
    for (size_t ceiling = 0; ceiling < 13; ceiling++) {
        struct fg_buffer buffer = FG_BUFFER_INIT(ceiling);
        struct fg_error error;
        assert_int_equal(fg_humanstring_encode(BYTES("1 1 0 1 0 a\\x01b\\x02c"), &buffer, &error),
                         ceiling < 13 ? FG_ERR_LIMIT : FG_OK);
        assert_int_equal(buffer.size, 0);
        assert_non_null(strstr(error.message, "limit reached"));
        fg_buffer_free(&buffer);
    }
}

static void a_payload_over_24_bits_of_length_is_refused(void **state)
{
    (void)state;
    size_t size = sizeof "1 1 0 1 0 " - 1 + FG_FRAME_LENGTH_MAX + 1;
    uint8_t *line = malloc(size);
    memset(line, 'x', size);
    memcpy(line, "1 1 0 1 0 ", 10);
    struct fg_buffer buffer = FG_BUFFER_INIT(SIZE_MAX);
    struct fg_error error;
    assert_int_equal(fg_humanstring_encode((struct fg_bytes){line, size}, &buffer, &error),
                     FG_ERR_LIMIT);
    assert_string_equal(error.message, "payload: 16777216 bytes, a frame holds at most 16777215");
    assert_int_equal(buffer.size, 0);
    assert_int_equal(fg_humanstring_encode((struct fg_bytes){line, size - 1}, &buffer, &error),
                     FG_OK);
    assert_int_equal(buffer.size, 8 + FG_FRAME_LENGTH_MAX);
    fg_buffer_free(&buffer);
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_error_names_the_field_and_what_was_expected),
        cmocka_unit_test(names_are_used_where_there_are_any),
        cmocka_unit_test(payloads_that_would_be_misread_are_escaped),
        cmocka_unit_test(random_frames_survive_decoding_and_encoding),
        cmocka_unit_test(a_full_buffer_is_left_as_it_was),
        cmocka_unit_test(a_payload_over_24_bits_of_length_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
