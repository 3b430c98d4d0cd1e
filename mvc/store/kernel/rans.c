/* The entropy coder of deltas, by the tables of their contexts (contexts.c). Every function does what its namesake in
 * array_coder.py does, to the bit.
 *
 * The coder is rANS (Duda, arXiv:1311.2540) with 32-bit states that move 16 bits at a time, interleaved over
 * many lanes (Giesen, arXiv:1402.3392), so that NumPy can run all lanes at once, AVX2 eight, AVX-512 sixteen.
 */

#include "rans.h"

/* ------------------------------------------------------------------ the coder */

/* A token's frequency, above its place. One that no table has is safe to code: it is given a frequency. */
static void list_symbols(const uint16_t *tables, size_t number, size_t each, uint32_t *symbols)
{
    for (size_t table = 0; table < number; table++) {
        uint32_t start = 0;
        for (size_t token = 0; token < 256; token++) {
            uint32_t frequency = token < each ? *tables++ : 0;
            *symbols++ = (frequency ? frequency : 1) << 16 | start;
            start += frequency;
        }
    }
}

/* Fills `slots` with the token, its frequency less one, and the slot's place within it; 0 when a table sums up
 * to anything but PROBABILITY. */
static int lay_out(const uint16_t *tables, size_t number, size_t each, uint32_t *slots)
{
    for (size_t table = 0; table < number; table++, tables += each) {
        uint32_t left = PROBABILITY;
        for (uint32_t token = 0; token < each; token++) {
            uint32_t frequency = tables[token];
            if (frequency > left)
                return 0;
            for (uint32_t place = 0; place < frequency; place++)
                *slots++ = token << 24 | (frequency - 1) << 12 | place;
            left -= frequency;
        }
        if (left)
            return 0;
    }
    return 1;
}

#include "rans_avx2.h"
#include "rans_avx512.h"

#if defined(HAVE_AVX512)
#define CODE_ROUNDS(...) (has_avx512() ? code_avx512(__VA_ARGS__) : code_avx2(__VA_ARGS__))
#define DECODE_ROUNDS(...) (has_avx512() ? decode_avx512(__VA_ARGS__) : decode_avx2(__VA_ARGS__))
#elif defined(HAVE_AVX2)
#define CODE_ROUNDS(...) code_avx2(__VA_ARGS__)
#define DECODE_ROUNDS(...) decode_avx2(__VA_ARGS__)
#endif

/* Codes tokens from the last to the first, and no further than there is room; how many are left. */
static size_t code(const uint8_t *tokens, const uint8_t *contexts, size_t count, size_t least,
                   const uint32_t *symbols, size_t lanes, uint32_t *states, const uint8_t *out, uint8_t **end)
{
    uint8_t *at = *end;
    while (count > least && at - out >= 2) {
        count--;
        uint32_t *state = states + (count & (lanes - 1)), x = *state;
        uint32_t symbol = symbols[PLACE_OF(contexts[count]) << 8 | tokens[count]], frequency = symbol >> 16;
        unsigned full = x >> (32 - PROBABILITY_BITS) >= frequency;
        uint16_t word = (uint16_t)x;
        memcpy(at - 2, &word, 2); /* whether or not it counts: every other branch would be missed */
        at -= 2 * full;
        x >>= 16 * full; /* a choice between two values is made a branch by GCC 12 */
        /* (x / frequency << PROBABILITY_BITS) + x % frequency + start */
        *state = x + (symbol & 0xffff) + x / frequency * (PROBABILITY - frequency);
    }
    *end = at;
    return count;
}

/* Writes the final states and the words, in the order in which they are read, to the END of `out`; the
 * length, or -1 when `room` is too little. `symbols` is scratch for MOST_TABLES tables of 256. */
EXPORT int64_t mvc_code(const uint8_t *tokens, const uint8_t *contexts, size_t count, const uint16_t *tables,
                        size_t number, size_t each, int lanes, uint32_t *symbols, uint8_t *out, size_t room)
{
    uint32_t states[MOST_LANES];
    const size_t spread = (size_t)lanes;
    if (number > MOST_TABLES || each > 256 || lanes < 1 || lanes > MOST_LANES || (lanes & (lanes - 1)))
        return -1;
    list_symbols(tables, number, each, symbols);
    for (size_t lane = 0; lane < spread; lane++)
        states[lane] = LOWEST;
    uint8_t *at = out + room;
    size_t left = count;
#ifdef HAVE_AVX2
    if (spread == MOST_LANES && __builtin_cpu_supports("avx2")) {
        left = code(tokens, contexts, left, left / MOST_LANES * MOST_LANES, symbols, spread, states, out, &at);
        if (left % MOST_LANES == 0)
            left = CODE_ROUNDS(tokens, contexts, left, symbols, states, out, &at);
    }
#endif
    left = code(tokens, contexts, left, 0, symbols, spread, states, out, &at);
    if (left || (size_t)(at - out) < 4 * spread)
        return -1;
    at -= 4 * spread;
    memcpy(at, states, 4 * spread);
    return out + room - at;
}

/* Inverse of mvc_code: whether `data` is exactly what it writes. `slots` is scratch for MOST_TABLES tables. */
EXPORT int mvc_decode(const uint8_t *data, size_t length, const uint8_t *contexts, size_t count,
                      const uint16_t *tables, size_t number, size_t each, int lanes, uint32_t *slots,
                      uint8_t *tokens)
{
    uint32_t states[MOST_LANES];
    const size_t spread = (size_t)lanes;
    if (number > MOST_TABLES || each > 256 || lanes < 1 || lanes > MOST_LANES)
        return 0;
    if (length < 4 * spread || length % 2 || !lay_out(tables, number, each, slots))
        return 0;
    memcpy(states, data, 4 * spread);
    const uint8_t *at = data + 4 * spread, *end = data + length;
    size_t start = 0;
#ifdef HAVE_AVX2
    if (spread == MOST_LANES && __builtin_cpu_supports("avx2"))
        start = DECODE_ROUNDS(&at, end, contexts, count, slots, states, tokens);
    if (!at)
        return 0;
#endif
    for (; start < count; start += spread) {
        size_t some = count - start < spread ? count - start : spread;
        int ample = (size_t)(end - at) >= 2 * spread;
        for (size_t lane = 0; lane < some; lane++) {
            uint32_t x = states[lane];
            uint32_t slot = slots[PLACE_OF(contexts[start + lane]) << PROBABILITY_BITS | (x & (PROBABILITY - 1))];
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
    for (size_t lane = 0; lane < spread; lane++)
        if (states[lane] != LOWEST)
            return 0;
    return 1;
}
