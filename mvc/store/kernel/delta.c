/* The words of a delta: their differences to the base's as tokens and extra bits, and back. Every function does
 * what its namesake in array_coder.py does, to the bit.
 */

#include "blocks.h"
#include "blocks_avx2.h"
#include "blocks_avx512.h"

/* ------------------------------------------------------------------ differences */

#define DIFFERENCE(bits)                                                                                 \
    INLINE void difference##bits(const uint8_t *restrict raw, const uint8_t *restrict base,              \
                                 size_t count, int ordered, uint##bits##_t *restrict out)                \
    {                                                                                                    \
        const uint##bits##_t top = (uint##bits##_t)1 << (bits - 1);                                      \
        for (size_t i = 0; i < count; i++) {                                                             \
            uint##bits##_t a, b;                                                                         \
            memcpy(&a, raw + i * sizeof a, sizeof a);                                                    \
            memcpy(&b, base + i * sizeof b, sizeof b);                                                   \
            if (ordered) {                                                                               \
                a = (uint##bits##_t)(a & top ? ~a : a | top);                                            \
                b = (uint##bits##_t)(b & top ? ~b : b | top);                                            \
            }                                                                                            \
            a = (uint##bits##_t)(a - b);                                                                 \
            out[i] = (uint##bits##_t)((uint##bits##_t)(a << 1) ^ (a & top ? (uint##bits##_t)-1 : 0));    \
        }                                                                                                \
    }                                                                                                    \
    INLINE void restore##bits(const uint##bits##_t *restrict difference, const uint8_t *restrict base,   \
                              size_t count, int ordered, uint8_t *restrict out)                          \
    {                                                                                                    \
        const uint##bits##_t top = (uint##bits##_t)1 << (bits - 1);                                      \
        for (size_t i = 0; i < count; i++) {                                                             \
            uint##bits##_t a = difference[i], b;                                                         \
            memcpy(&b, base + i * sizeof b, sizeof b);                                                   \
            a = (uint##bits##_t)((a >> 1) ^ (a & 1 ? (uint##bits##_t)-1 : 0));                           \
            if (ordered) {                                                                               \
                b = (uint##bits##_t)(b & top ? ~b : b | top);                                            \
                a = (uint##bits##_t)(a + b);                                                             \
                a = (uint##bits##_t)(a & top ? a ^ top : ~a);                                            \
            } else                                                                                       \
                a = (uint##bits##_t)(a + b);                                                             \
            memcpy(out + i * sizeof a, &a, sizeof a);                                                    \
        }                                                                                                \
    }                                                                                                    \
    /* Blocks of a copy, as the words may lie at any address. */                                         \
    FAST static void differences##bits(const uint8_t *raw, const uint8_t *base, size_t count,            \
                                       int ordered, uint8_t *out)                                        \
    {                                                                                                    \
        uint##bits##_t words[BLOCK];                                                                     \
        for (size_t at = 0; at < count; at += BLOCK) {                                                   \
            size_t some = count - at < BLOCK ? count - at : BLOCK, byte = at * sizeof *words;            \
            difference##bits(raw + byte, base + byte, some, ordered, words);                             \
            memcpy(out + byte, words, some * sizeof *words);                                             \
        }                                                                                                \
    }                                                                                                    \
    FAST static void restored##bits(const uint8_t *difference, const uint8_t *base, size_t count,        \
                                    int ordered, uint8_t *out)                                           \
    {                                                                                                    \
        uint##bits##_t words[BLOCK];                                                                     \
        for (size_t at = 0; at < count; at += BLOCK) {                                                   \
            size_t some = count - at < BLOCK ? count - at : BLOCK, byte = at * sizeof *words;            \
            memcpy(words, difference + byte, some * sizeof *words);                                      \
            restore##bits(words, base + byte, some, ordered, out + byte);                                \
        }                                                                                                \
    }
DIFFERENCE(8)
DIFFERENCE(16)
DIFFERENCE(32)
DIFFERENCE(64)

/* The zigzag difference of each word to the base's; of floats, the one of their order. */
EXPORT void mvc_difference(const uint8_t *raw, const uint8_t *base, size_t count, int width, int ordered,
                           uint8_t *out)
{
    switch (width) {
    case 1: differences8(raw, base, count, ordered, out); break;
    case 2: differences16(raw, base, count, ordered, out); break;
    case 4: differences32(raw, base, count, ordered, out); break;
    default: differences64(raw, base, count, ordered, out); break;
    }
}

/* Inverse of mvc_difference. */
EXPORT void mvc_restore(const uint8_t *difference, const uint8_t *base, size_t count, int width, int ordered,
                        uint8_t *out)
{
    switch (width) {
    case 1: restored8(difference, base, count, ordered, out); break;
    case 2: restored16(difference, base, count, ordered, out); break;
    case 4: restored32(difference, base, count, ordered, out); break;
    default: restored64(difference, base, count, ordered, out); break;
    }
}

/* ------------------------------------------------------------------ a frame */

#define TOKENS(bits, as, HOW)                                                                                  \
    HOW static size_t tokens##as(const uint8_t *raw, const uint8_t *base, size_t count, int ordered,  \
                                    uint8_t *tokens, uint8_t *extra)                                     \
    {                                                                                                    \
        struct writer to = {extra, 0, 0};                                                                \
        for (size_t at = 0; at < count; at += BLOCK) {                                                   \
            size_t some = count - at < BLOCK ? count - at : BLOCK, byte = at * (bits / 8);               \
            uint##bits##_t words[BLOCK], all = 0;                                                        \
            uint8_t found[BLOCK];                                                                        \
            memset(words + some, 0, sizeof words - some * sizeof *words);                                \
            if (some == BLOCK)                                                                           \
                difference##bits(raw + byte, base + byte, BLOCK, ordered, words);                        \
            else                                                                                         \
                difference##bits(raw + byte, base + byte, some, ordered, words);                         \
            for (size_t i = 0; i < BLOCK; i++) {                                                         \
                all |= words[i];                                                                         \
                found[i] = (uint8_t)words[i];                                                            \
            }                                                                                            \
            if (all >= DIRECT)                                                                           \
                put##as(words, found, &to);                                                            \
            memcpy(tokens + at, found, some);                                                            \
        }                                                                                                \
        return finish(&to, extra);                                                                       \
    }                                                                                                    \
    HOW static int words##as(const uint8_t *tokens, size_t count, const uint8_t *extra,               \
                                size_t length, const uint8_t *base, int ordered, uint8_t *out)           \
    {                                                                                                    \
        struct reader from = {extra, 0, length * 8};                                                     \
        for (size_t at = 0; at < count; at += BLOCK) {                                                   \
            size_t some = count - at < BLOCK ? count - at : BLOCK, byte = at * (bits / 8);               \
            uint##bits##_t words[BLOCK];                                                                 \
            uint8_t given[BLOCK];                                                                        \
            unsigned highest = 0;                                                                        \
            memset(given + some, 0, BLOCK - some);                                                       \
            memcpy(given, tokens + at, some);                                                            \
            for (size_t i = 0; i < BLOCK; i++) {                                                         \
                words[i] = given[i];                                                                     \
                highest = highest > given[i] ? highest : given[i];                                       \
            }                                                                                            \
            if (highest >= DIRECT + (bits - 4) * 4 || (highest >= DIRECT && !get##as(given, &from, words))) \
                return 0;                                                                                \
            if (some == BLOCK)                                                                           \
                restore##bits(words, base + byte, BLOCK, ordered, out + byte);                           \
            else                                                                                         \
                restore##bits(words, base + byte, some, ordered, out + byte);                            \
        }                                                                                                \
        return ended(&from);                                                                             \
    }
TOKENS(8, 8, FAST)
TOKENS(16, 16, FAST)
TOKENS(32, 32, FAST)
TOKENS(64, 64, FAST)
#ifdef HAVE_AVX2
TOKENS(16, 16_avx2, WITH_AVX2)
#define IF_AVX2(function, ...)                                                                           \
    (__builtin_cpu_supports("avx2") ? function##16_avx2(__VA_ARGS__) : function##16(__VA_ARGS__))
#else
#define IF_AVX2(function, ...) function##16(__VA_ARGS__)
#endif
#ifdef HAVE_AVX512
#define HERE(function, ...)                                                                              \
    (has_avx512() ? function##16_avx512(__VA_ARGS__) : IF_AVX2(function, __VA_ARGS__))
#else
#define HERE(function, ...) IF_AVX2(function, __VA_ARGS__)
#endif

/* A token for each difference of a word to the base's, and what tokens leave out in `extra` (room for the words
 * and 8 bytes), from the lowest bit up; the bytes of `extra` used. */
EXPORT int64_t mvc_tokens(const uint8_t *raw, const uint8_t *base, size_t count, int width, int ordered,
                          uint8_t *tokens, uint8_t *extra)
{
    switch (width) {
    case 1: return (int64_t)tokens8(raw, base, count, ordered, tokens, extra);
    case 2: return (int64_t)HERE(tokens, raw, base, count, ordered, tokens, extra);
    case 4: return (int64_t)tokens32(raw, base, count, ordered, tokens, extra);
    default: return (int64_t)tokens64(raw, base, count, ordered, tokens, extra);
    }
}

/* Inverse of mvc_tokens; whether the tokens are of this width and use all of `extra` but its last bits. At
 * least 9 more bytes can be read behind `extra`. */
EXPORT int mvc_words(const uint8_t *tokens, size_t count, int width, const uint8_t *extra, size_t length,
                     const uint8_t *base, int ordered, uint8_t *out)
{
    switch (width) {
    case 1: return words8(tokens, count, extra, length, base, ordered, out);
    case 2: return HERE(words, tokens, count, extra, length, base, ordered, out);
    case 4: return words32(tokens, count, extra, length, base, ordered, out);
    default: return words64(tokens, count, extra, length, base, ordered, out);
    }
}
