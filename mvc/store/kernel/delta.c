/* The inner loops of the delta codec: differences of words, their tokens, and an entropy coder whose tables
 * depend on the base. Every function does what its namesake in delta_arrays.py does, to the bit.
 *
 * The coder is rANS (Duda, arXiv:1311.2540) with 32-bit states that move 16 bits at a time, interleaved over
 * many lanes (Giesen, arXiv:1402.3392), so that NumPy can run all lanes at once.
 */

#include "kernel.h"

#define PROBABILITY_BITS 12
#define PROBABILITY (1u << PROBABILITY_BITS)
#define LOWEST (1u << 16) /* a state never stays below this */
#define DIRECT 16         /* values up to here are tokens themselves */
#define MOST_LANES 64
#define MOST_TABLES 32

/* ------------------------------------------------------------------ differences */

#define DIFFERENCE(bits)                                                                                 \
    FAST static void difference##bits(const uint8_t *restrict raw, const uint8_t *restrict base,         \
                                      size_t count, int ordered, uint8_t *restrict out)                  \
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
            a = (uint##bits##_t)((uint##bits##_t)(a << 1) ^ (a & top ? (uint##bits##_t)~(uint##bits##_t)0 : 0)); \
            memcpy(out + i * sizeof a, &a, sizeof a);                                                    \
        }                                                                                                \
    }                                                                                                    \
    FAST static void restore##bits(const uint8_t *restrict difference, const uint8_t *restrict base,     \
                                   size_t count, int ordered, uint8_t *restrict out)                     \
    {                                                                                                    \
        const uint##bits##_t top = (uint##bits##_t)1 << (bits - 1);                                      \
        for (size_t i = 0; i < count; i++) {                                                             \
            uint##bits##_t a, b;                                                                         \
            memcpy(&a, difference + i * sizeof a, sizeof a);                                             \
            memcpy(&b, base + i * sizeof b, sizeof b);                                                   \
            a = (uint##bits##_t)((a >> 1) ^ (a & 1 ? (uint##bits##_t)~(uint##bits##_t)0 : 0));           \
            if (ordered) {                                                                               \
                b = (uint##bits##_t)(b & top ? ~b : b | top);                                            \
                a = (uint##bits##_t)(a + b);                                                             \
                a = (uint##bits##_t)(a & top ? a ^ top : ~a);                                            \
            } else                                                                                       \
                a = (uint##bits##_t)(a + b);                                                             \
            memcpy(out + i * sizeof a, &a, sizeof a);                                                    \
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
    case 1: difference8(raw, base, count, ordered, out); break;
    case 2: difference16(raw, base, count, ordered, out); break;
    case 4: difference32(raw, base, count, ordered, out); break;
    default: difference64(raw, base, count, ordered, out); break;
    }
}

/* Inverse of mvc_difference. */
EXPORT void mvc_restore(const uint8_t *difference, const uint8_t *base, size_t count, int width, int ordered,
                        uint8_t *out)
{
    switch (width) {
    case 1: restore8(difference, base, count, ordered, out); break;
    case 2: restore16(difference, base, count, ordered, out); break;
    case 4: restore32(difference, base, count, ordered, out); break;
    default: restore64(difference, base, count, ordered, out); break;
    }
}

/* ------------------------------------------------------------------ tokens */

/* A value from DIRECT on is its highest bit and the two below it, as a token, and the `left` bits below those.
 * No branches: whether a word is small is a coin's toss where it matters. */
static inline unsigned token_of(uint64_t value, unsigned *left)
{
    unsigned high = 63u - (unsigned)__builtin_clzll(value | 8), shift = high - 2;
    unsigned large = DIRECT + (high - 4) * 4 + (unsigned)(value >> shift & 3);
    *left = value < DIRECT ? 0 : shift;
    return value < DIRECT ? (unsigned)value : large;
}

#define GROUP 64 /* words that are looked at together for one that is no token itself */

#define TOKENS(bits)                                                                                     \
    FAST static size_t tokens##bits(const uint8_t *restrict raw, size_t count, uint8_t *restrict tokens, \
                                    uint8_t *restrict extra)                                             \
    {                                                                                                    \
        uint64_t held = 0;                                                                               \
        unsigned filled = 0;                                                                             \
        size_t written = 0;                                                                              \
        for (size_t start = 0; start < count; start += GROUP) {                                          \
            size_t length = count - start < GROUP ? count - start : GROUP;                               \
            uint##bits##_t words[GROUP], all = 0;                                                        \
            memcpy(words, raw + start * sizeof *words, length * sizeof *words);                          \
            for (size_t i = 0; i < length; i++) {                                                        \
                all |= words[i];                                                                         \
                tokens[start + i] = (uint8_t)words[i];                                                   \
            }                                                                                            \
            if (all < DIRECT)                                                                            \
                continue;                                                                                \
            for (size_t i = 0; i < length; i++) {                                                        \
                unsigned left;                                                                           \
                uint64_t value = words[i];                                                               \
                tokens[start + i] = (uint8_t)token_of(value, &left);                                     \
                value &= ((uint64_t)1 << left) - 1;                                                      \
                held |= value << filled;                                                                 \
                memcpy(extra + written, &held, 8);                                                       \
                filled += left;                                                                          \
                if (bits == 64 && filled >= 64) {                                                        \
                    written += 8;                                                                        \
                    filled -= 64;                                                                        \
                    held = left > filled ? value >> (left - filled) : 0;                                 \
                    continue;                                                                            \
                }                                                                                        \
                written += filled / 8;                                                                   \
                held >>= filled & ~7u;                                                                   \
                filled &= 7;                                                                             \
            }                                                                                            \
        }                                                                                                \
        memcpy(extra + written, &held, 8);                                                               \
        return written + (filled + 7) / 8;                                                               \
    }                                                                                                    \
    FAST static int words##bits(const uint8_t *restrict tokens, size_t count,                            \
                                const uint8_t *restrict extra, size_t length, uint8_t *restrict out)     \
    {                                                                                                    \
        const unsigned most = DIRECT + (bits - 4) * 4;                                                   \
        size_t position = 0, end = length * 8; /* in bits */                                             \
        for (size_t start = 0; start < count; start += GROUP) {                                          \
            size_t some = count - start < GROUP ? count - start : GROUP;                                 \
            uint##bits##_t words[GROUP];                                                                 \
            uint8_t highest = 0;                                                                         \
            for (size_t i = 0; i < some; i++) {                                                          \
                words[i] = tokens[start + i];                                                            \
                highest = highest > tokens[start + i] ? highest : tokens[start + i];                     \
            }                                                                                            \
            if (highest >= most || (highest >= DIRECT && position > end))                                \
                return 0;                                                                                \
            for (size_t i = 0; highest >= DIRECT && i < some; i++) {                                     \
                unsigned token = words[i], large = token >= DIRECT;                                      \
                unsigned left = large ? 2 + (token - DIRECT) / 4 : 0, skip = position % 8;               \
                size_t from = position < end ? position / 8 : 0; /* past the end: told below */          \
                uint64_t low;                                                                            \
                memcpy(&low, extra + from, 8);                                                           \
                low >>= skip;                                                                            \
                if (bits == 64 && skip + left > 64)                                                      \
                    low |= (uint64_t)extra[from + 8] << (64 - skip);                                     \
                low &= ((uint64_t)1 << left) - 1;                                                        \
                words[i] = (uint##bits##_t)(large ? (uint64_t)(4 | (token & 3)) << left | low : token);  \
                position += left;                                                                        \
            }                                                                                            \
            memcpy(out + start * sizeof *words, words, some * sizeof *words);                            \
        }                                                                                                \
        return position <= end && end - position < 8;                                                    \
    }
TOKENS(8)
TOKENS(16)
TOKENS(32)
TOKENS(64)

/* A token for each word, and what tokens leave out in `extra` (room for the words and 8 bytes), from the
 * lowest bit up; the bytes of `extra` used. */
EXPORT int64_t mvc_tokens(const uint8_t *words, size_t count, int width, uint8_t *tokens, uint8_t *extra)
{
    switch (width) {
    case 1: return (int64_t)tokens8(words, count, tokens, extra);
    case 2: return (int64_t)tokens16(words, count, tokens, extra);
    case 4: return (int64_t)tokens32(words, count, tokens, extra);
    default: return (int64_t)tokens64(words, count, tokens, extra);
    }
}

/* Inverse of mvc_tokens; whether the tokens are of this width and use all of `extra` but its last bits. At
 * least 9 more bytes can be read behind `extra`. */
EXPORT int mvc_words(const uint8_t *tokens, size_t count, int width, const uint8_t *extra, size_t length,
                     uint8_t *words)
{
    switch (width) {
    case 1: return words8(tokens, count, extra, length, words);
    case 2: return words16(tokens, count, extra, length, words);
    case 4: return words32(tokens, count, extra, length, words);
    default: return words64(tokens, count, extra, length, words);
    }
}

/* ------------------------------------------------------------------ the entropy coder */

/* How often each token comes in each context: `counts` has 256 numbers for each of them. */
EXPORT void mvc_counts(const uint8_t *tokens, const uint8_t *contexts, size_t count, uint32_t *counts)
{
    for (size_t i = 0; i < count; i++)
        counts[(size_t)contexts[i] << 8 | tokens[i]]++;
}

/* How often each byte comes. Four counts by turns: one that was just written can't be read at once. */
EXPORT void mvc_histogram(const uint8_t *bytes, size_t count, uint32_t *counts)
{
    uint32_t some[4][256] = {{0}};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t turn = 0; turn < 4; turn++)
            some[turn][bytes[i + turn]]++;
    for (; i < count; i++)
        some[0][bytes[i]]++;
    for (size_t value = 0; value < 256; value++)
        counts[value] = some[0][value] + some[1][value] + some[2][value] + some[3][value];
}

/* Each byte's entry in a table of 256. */
EXPORT void mvc_translate(const uint8_t *bytes, size_t count, const uint8_t *table, uint8_t *out)
{
    for (size_t i = 0; i < count; i++)
        out[i] = table[bytes[i]];
}

/* Fills `slots` for `contexts` tables of 256 frequencies, of which each sums up to PROBABILITY or is zero.
 * A slot has the token, its frequency less one, and the slot's place within it. */
static void lay_out(const uint16_t *frequencies, size_t contexts, uint32_t *slots)
{
    for (size_t context = 0; context < contexts; context++) {
        uint32_t *at = slots + context * PROBABILITY;
        for (uint32_t token = 0; token < 256; token++) {
            uint32_t frequency = frequencies[context * 256 + token];
            for (uint32_t place = 0; place < frequency; place++)
                *at++ = token << 24 | (frequency - 1) << 12 | place;
        }
    }
}

struct symbol {
    uint64_t reciprocal;
    uint32_t start, frequency;
};

/* Writes the final states and the words, in the order in which they are read, to the END of `out`; the
 * length, or -1 when `room` is too little. `symbols` is scratch for MOST_TABLES tables. */
EXPORT int64_t mvc_code(const uint8_t *tokens, const uint8_t *contexts, size_t count,
                        const uint16_t *frequencies, size_t tables, int lanes, struct symbol *symbols,
                        uint8_t *out, size_t room)
{
    uint32_t states[MOST_LANES];
    if (tables > MOST_TABLES || lanes > MOST_LANES || (lanes & (lanes - 1)))
        return -1;
    for (size_t which = 0, sum = 0; which < tables * 256; which++) {
        uint16_t frequency = frequencies[which];
        sum = which % 256 ? sum : 0;
        symbols[which].start = (uint32_t)sum;
        symbols[which].frequency = frequency;
        /* x / frequency is x * reciprocal >> 44, in 64 bits, for every x below frequency * 2^20 (Granlund and
         * Montgomery, 1994): the error is below frequency^2 * 2^20, which is below 2^44. */
        symbols[which].reciprocal = frequency ? (((uint64_t)1 << 44) + frequency - 1) / frequency : 0;
        sum += frequency;
    }
    for (int lane = 0; lane < lanes; lane++)
        states[lane] = LOWEST;
    uint8_t *at = out + room;
    const size_t lane_of = (size_t)lanes - 1; /* a power of two: a division a token would be half the time */
    for (size_t i = count; i-- > 0;) {
        uint32_t *state = states + (i & lane_of), x = *state;
        const struct symbol *symbol = symbols + ((size_t)contexts[i] << 8 | tokens[i]);
        unsigned full = x >= (uint64_t)symbol->frequency << (32 - PROBABILITY_BITS);
        uint16_t word = (uint16_t)x;
        if (at - out < 2)
            return -1;
        memcpy(at - 2, &word, 2); /* whether or not it counts: every other branch would be missed */
        at -= 2 * full;
        x >>= 16 * full; /* a choice between two values is made a branch by GCC 12 */
        uint32_t quotient = (uint32_t)(x * symbol->reciprocal >> 44);
        /* quotient << bits + remainder + start, with the remainder spelled out */
        *state = x + symbol->start + quotient * (PROBABILITY - symbol->frequency);
    }
    if (at - out < 4 * lanes)
        return -1;
    at -= 4 * lanes;
    memcpy(at, states, 4 * (size_t)lanes);
    return out + room - at;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

/* For each set of 8 lanes that need a word, which of the next 8 words goes to which lane. */
static uint32_t places[256][8];

__attribute__((constructor)) static void lay_out_places(void)
{
    for (unsigned set = 0; set < 256; set++)
        for (unsigned lane = 0, next = 0; lane < 8; lane++)
            places[set][lane] = set >> lane & 1 ? next++ : 0;
}

/* As many rounds of 64 lanes as there are whole ones with words enough; how many tokens that makes. */
__attribute__((target("avx2"))) static size_t decode_avx2(const uint8_t **data, const uint8_t *end,
                                                          const uint8_t *contexts, size_t count,
                                                          const uint32_t *slots, uint32_t *states,
                                                          uint8_t *tokens)
{
    const __m256i low12 = _mm256_set1_epi32(PROBABILITY - 1), one = _mm256_set1_epi32(1);
    const __m256i top = _mm256_set1_epi32(LOWEST - 1);
    const __m256i bytes = _mm256_setr_epi8(3, 7, 11, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 3, 7,
                                           11, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const uint8_t *at = *data;
    size_t done = 0;
    for (; done + MOST_LANES <= count && end - at >= 2 * MOST_LANES + 16; done += MOST_LANES) {
        for (size_t lane = 0; lane < MOST_LANES; lane += 8) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(states + lane));
            __m128i eight = _mm_loadl_epi64((const __m128i *)(contexts + done + lane));
            __m256i table = _mm256_slli_epi32(_mm256_cvtepu8_epi32(eight), PROBABILITY_BITS);
            __m256i where = _mm256_or_si256(table, _mm256_and_si256(x, low12));
            __m256i slot = _mm256_i32gather_epi32((const int *)slots, where, 4);
            __m256i frequency = _mm256_and_si256(_mm256_srli_epi32(slot, 12), low12);
            x = _mm256_mullo_epi32(_mm256_add_epi32(frequency, one), _mm256_srli_epi32(x, PROBABILITY_BITS));
            x = _mm256_add_epi32(x, _mm256_and_si256(slot, low12));
            __m256i low = _mm256_cmpeq_epi32(_mm256_min_epu32(x, top), x);
            unsigned set = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(low));
            __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)at));
            words = _mm256_permutevar8x32_epi32(words, _mm256_loadu_si256((const __m256i *)places[set]));
            at += 2 * __builtin_popcount(set);
            x = _mm256_blendv_epi8(x, _mm256_or_si256(_mm256_slli_epi32(x, 16), words), low);
            _mm256_storeu_si256((__m256i *)(states + lane), x);
            __m256i found = _mm256_shuffle_epi8(slot, bytes);
            uint32_t first = (uint32_t)_mm256_extract_epi32(found, 0);
            uint32_t second = (uint32_t)_mm256_extract_epi32(found, 4);
            memcpy(tokens + done + lane, &first, 4);
            memcpy(tokens + done + lane + 4, &second, 4);
        }
    }
    *data = at;
    return done;
}
#endif

/* Inverse of mvc_code: whether `data` is exactly what it writes. `slots` is scratch for the tables. */
EXPORT int mvc_decode(const uint8_t *data, size_t length, const uint8_t *contexts, size_t count,
                      const uint16_t *frequencies, size_t tables, int lanes, uint32_t *slots, uint8_t *tokens)
{
    uint32_t states[MOST_LANES];
    if (length < 4 * (size_t)lanes || length % 2)
        return 0;
    if (tables > MOST_TABLES)
        return 0;
    lay_out(frequencies, tables, slots);
    memcpy(states, data, 4 * (size_t)lanes);
    const uint8_t *at = data + 4 * lanes, *end = data + length;
    size_t start = 0;
#if defined(__x86_64__) && defined(__GNUC__)
    if (lanes == MOST_LANES && __builtin_cpu_supports("avx2"))
        start = decode_avx2(&at, end, contexts, count, slots, states, tokens);
#endif
    for (; start < count; start += (size_t)lanes) {
        size_t some = count - start < (size_t)lanes ? count - start : (size_t)lanes;
        int ample = end - at >= 2 * lanes;
        for (size_t lane = 0; lane < some; lane++) {
            uint32_t x = states[lane];
            uint32_t slot = slots[(size_t)contexts[start + lane] << PROBABILITY_BITS | (x & (PROBABILITY - 1))];
            tokens[start + lane] = (uint8_t)(slot >> 24);
            x = ((slot >> 12 & 4095) + 1) * (x >> PROBABILITY_BITS) + (slot & 4095);
            int low = x < LOWEST;
            uint16_t word = 0;
            if (ample || at < end)
                memcpy(&word, at, 2);
            else if (low)
                return 0;
            at += 2 * low;
            states[lane] = low ? x << 16 | word : x;
        }
    }
    if (at != end)
        return 0;
    for (int lane = 0; lane < lanes; lane++)
        if (states[lane] != LOWEST)
            return 0;
    return 1;
}
