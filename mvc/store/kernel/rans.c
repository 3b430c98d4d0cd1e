/* The entropy coder of deltas, by the tables of their contexts (contexts.c). Every function does what its namesake in
 * array_coder.py does, to the bit.
 *
 * The coder is rANS (Duda, arXiv:1311.2540) with 32-bit states that move 16 bits at a time, interleaved over
 * many lanes (Giesen, arXiv:1402.3392), so that NumPy can run all lanes at once, and AVX2 eight.
 */

#include "kernel.h"

#define LOWEST (1u << 16) /* a state never stays below this */
#define MOST_LANES 64

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

#ifdef HAVE_AVX2

/* For each set of 8 lanes that move a word, as bytes of 8 words: which of the next words goes to which lane, and
 * the words of these lanes, moved up to the last places. */
static uint8_t to_lanes[256][16], from_lanes[256][16];

__attribute__((constructor)) static void list_moves(void)
{
    for (unsigned set = 0; set < 256; set++) {
        unsigned next = 0, last = 8 - (unsigned)__builtin_popcount(set);
        for (unsigned lane = 0; lane < 8; lane++) {
            if (!(set >> lane & 1))
                continue;
            for (unsigned byte = 0; byte < 2; byte++) {
                to_lanes[set][2 * lane + byte] = (uint8_t)(2 * next + byte);
                from_lanes[set][2 * last + byte] = (uint8_t)(2 * lane + byte);
            }
            next++, last++;
        }
    }
}

/* Codes the whole rounds of 64 lanes below `count`, a multiple of 64, that there is room for; where it stopped. */
WITH_AVX2 static size_t code_avx2(const uint8_t *tokens, const uint8_t *contexts,
                                                        size_t count, const uint32_t *symbols,
                                                        uint32_t *states, const uint8_t *out, uint8_t **end)
{
    const __m256i low16 = _mm256_set1_epi32(0xffff), whole = _mm256_set1_epi32(PROBABILITY);
    const __m256 two_to_32 = _mm256_set1_ps(4294967296.0f), more = _mm256_set1_ps(1 + 0x1p-21f);
    const __m128i within = _mm_set1_epi8(MOST_TABLES - 1);
    uint8_t *at = *end;
    for (; count && at - out >= 2 * MOST_LANES + 16; count -= MOST_LANES) {
        for (size_t lane = MOST_LANES; lane; ) {
            lane -= 8;
            __m256i x = _mm256_loadu_si256((const __m256i *)(states + lane));
            __m128i token = _mm_loadl_epi64((const __m128i *)(tokens + count - MOST_LANES + lane));
            __m128i context = _mm_loadl_epi64((const __m128i *)(contexts + count - MOST_LANES + lane));
            __m256i which = _mm256_cvtepu16_epi32(_mm_unpacklo_epi8(token, _mm_and_si128(context, within)));
            __m256i symbol = _mm256_i32gather_epi32((const int *)symbols, which, 4);
            __m256i frequency = _mm256_srli_epi32(symbol, 16), start = _mm256_and_si256(symbol, low16);
            /* A state that would leave 32 bits loses a word first. */
            __m256i stays = _mm256_cmpgt_epi32(frequency, _mm256_srli_epi32(x, 32 - PROBABILITY_BITS));
            unsigned set = 255 & ~(unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(stays));
            __m256i low = _mm256_and_si256(x, low16);
            __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(low), _mm256_extracti128_si256(low, 1));
            words = _mm_shuffle_epi8(words, _mm_loadu_si128((const __m128i *)from_lanes[set]));
            _mm_storeu_si128((__m128i *)(at - 16), words);
            at -= 2 * __builtin_popcount(set);
            x = _mm256_blendv_epi8(_mm256_srli_epi32(x, 16), x, stays);
            /* x / frequency, which is below 2^20, as floats: these are off by less than 2^-22 of it, and the
             * divisor is made larger by 2^-21, so what comes out is right or too low by one. */
            __m256i negative = _mm256_srai_epi32(x, 31);
            __m256 dividend = _mm256_add_ps(_mm256_cvtepi32_ps(x),
                                            _mm256_and_ps(_mm256_castsi256_ps(negative), two_to_32));
            __m256 divisor = _mm256_mul_ps(_mm256_cvtepi32_ps(frequency), more);
            __m256i quotient = _mm256_cvttps_epi32(_mm256_div_ps(dividend, divisor));
            __m256i rest = _mm256_sub_epi32(x, _mm256_mullo_epi32(quotient, frequency));
            __m256i right = _mm256_cmpgt_epi32(frequency, rest);
            __m256i amend = _mm256_andnot_si256(right, _mm256_sub_epi32(whole, frequency));
            x = _mm256_add_epi32(_mm256_slli_epi32(quotient, PROBABILITY_BITS), _mm256_add_epi32(rest, start));
            _mm256_storeu_si256((__m256i *)(states + lane), _mm256_add_epi32(x, amend));
        }
    }
    *end = at;
    return count;
}

/* As many rounds of 64 lanes as there are whole ones with words enough; how many tokens that makes. */
WITH_AVX2 static size_t decode_avx2(const uint8_t **data, const uint8_t *end,
                                                          const uint8_t *contexts, size_t count,
                                                          const uint32_t *slots, uint32_t *states,
                                                          uint8_t *tokens)
{
    const __m256i low12 = _mm256_set1_epi32(PROBABILITY - 1), one = _mm256_set1_epi32(1);
    const __m256i top = _mm256_set1_epi32(LOWEST - 1);
    const __m256i bytes = _mm256_setr_epi8(3, 7, 11, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 3, 7,
                                           11, 15, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m128i within = _mm_set1_epi8(MOST_TABLES - 1);
    const uint8_t *at = *data;
    size_t done = 0;
    for (; done + MOST_LANES <= count && end - at >= 2 * MOST_LANES + 16; done += MOST_LANES) {
        for (size_t lane = 0; lane < MOST_LANES; lane += 8) {
            __m256i x = _mm256_loadu_si256((const __m256i *)(states + lane));
            __m128i eight = _mm_loadl_epi64((const __m128i *)(contexts + done + lane));
            eight = _mm_and_si128(eight, within);
            __m256i table = _mm256_slli_epi32(_mm256_cvtepu8_epi32(eight), PROBABILITY_BITS);
            __m256i where = _mm256_or_si256(table, _mm256_and_si256(x, low12));
            __m256i slot = _mm256_i32gather_epi32((const int *)slots, where, 4);
            __m256i frequency = _mm256_and_si256(_mm256_srli_epi32(slot, 12), low12);
            x = _mm256_mullo_epi32(_mm256_add_epi32(frequency, one), _mm256_srli_epi32(x, PROBABILITY_BITS));
            x = _mm256_add_epi32(x, _mm256_and_si256(slot, low12));
            __m256i low = _mm256_cmpeq_epi32(_mm256_min_epu32(x, top), x);
            unsigned set = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(low));
            __m128i words = _mm_loadu_si128((const __m128i *)at);
            words = _mm_shuffle_epi8(words, _mm_loadu_si128((const __m128i *)to_lanes[set]));
            at += 2 * __builtin_popcount(set);
            __m256i moved = _mm256_or_si256(_mm256_slli_epi32(x, 16), _mm256_cvtepu16_epi32(words));
            _mm256_storeu_si256((__m256i *)(states + lane), _mm256_blendv_epi8(x, moved, low));
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
            left = code_avx2(tokens, contexts, left, symbols, states, out, &at);
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
        start = decode_avx2(&at, end, contexts, count, slots, states, tokens);
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
