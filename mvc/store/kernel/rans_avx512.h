/* Whole rounds of the entropy coder's 64 lanes, written for AVX-512: the same steps as in rans_avx2.h, on sixteen
 * lanes at once, whose states stay in registers. */

#ifndef MVC_RANS_AVX512_H
#define MVC_RANS_AVX512_H

#include "rans.h"

#ifdef HAVE_AVX512

#define SETS (MOST_LANES / 16)

/* Codes the whole rounds of 64 lanes below `count`, a multiple of 64, that there is room for; where it stopped. */
WITH_AVX512 static size_t code_avx512(const uint8_t *tokens, const uint8_t *contexts, size_t count,
                                      const uint32_t *symbols, uint32_t *states, const uint8_t *out,
                                      uint8_t **end)
{
    const __m512i low16 = _mm512_set1_epi32(0xffff), whole = _mm512_set1_epi32(PROBABILITY);
    const __m512 more = _mm512_set1_ps(1 + 0x1p-21f), two = _mm512_set1_ps(2);
    const __m128i within = _mm_set1_epi8(MOST_TABLES - 1);
    __m512i x[SETS];
    uint8_t *at = *end;
    for (size_t set = 0; set < SETS; set++)
        x[set] = _mm512_loadu_si512(states + 16 * set);
    for (; count && at - out >= 2 * MOST_LANES; count -= MOST_LANES) {
#pragma GCC unroll 4
        for (size_t set = SETS; set--; ) {
            const size_t first = count - MOST_LANES + 16 * set;
            __m128i token = _mm_loadu_si128((const __m128i *)(tokens + first));
            __m128i context = _mm_and_si128(_mm_loadu_si128((const __m128i *)(contexts + first)), within);
            __m512i which = _mm512_or_si512(_mm512_slli_epi32(_mm512_cvtepu8_epi32(context), 8),
                                            _mm512_cvtepu8_epi32(token));
            __m512i symbol = _mm512_i32gather_epi32(which, symbols, 4);
            __m512i frequency = _mm512_srli_epi32(symbol, 16), start = _mm512_and_si512(symbol, low16);
            /* A state that would leave 32 bits loses a word first. */
            __mmask16 full = _mm512_cmpge_epu32_mask(_mm512_srli_epi32(x[set], 32 - PROBABILITY_BITS), frequency);
            unsigned moved = (unsigned)__builtin_popcount(full);
            __m256i words = _mm512_cvtepi32_epi16(_mm512_maskz_compress_epi32(full, x[set]));
            at -= 2 * moved;
            _mm256_mask_storeu_epi16(at, (__mmask16)((1u << moved) - 1), words);
            __m512i y = _mm512_mask_srli_epi32(x[set], full, x[set], 16);
            /* y / frequency, which is below 2^20, as floats. The reciprocal is off by less than 2^-14, after a
             * step of Newton's all is by less than 2^-21.6; the divisor is made larger by 2^-21, so what comes
             * out is right or too low by one. */
            __m512 divisor = _mm512_mul_ps(_mm512_cvtepi32_ps(frequency), more);
            __m512 inverse = _mm512_rcp14_ps(divisor);
            inverse = _mm512_mul_ps(inverse, _mm512_fnmadd_ps(divisor, inverse, two));
            __m512i quotient = _mm512_cvttps_epi32(_mm512_mul_ps(_mm512_cvtepu32_ps(y), inverse));
            __m512i rest = _mm512_sub_epi32(y, _mm512_mullo_epi32(quotient, frequency));
            __mmask16 low = _mm512_cmpge_epu32_mask(rest, frequency);
            y = _mm512_add_epi32(_mm512_slli_epi32(quotient, PROBABILITY_BITS), _mm512_add_epi32(rest, start));
            x[set] = _mm512_mask_add_epi32(y, low, y, _mm512_sub_epi32(whole, frequency));
        }
    }
    for (size_t set = 0; set < SETS; set++)
        _mm512_storeu_si512(states + 16 * set, x[set]);
    *end = at;
    return count;
}

/* A round of 64 lanes: 64 tokens. Where the next words are after it; 2 * MOST_LANES bytes can be read from `at` on. */
INLINE WITH_AVX512 const uint8_t *decode_round(const uint8_t *at, const uint8_t *contexts, const uint32_t *slots,
                                               __m512i *x, uint8_t *tokens)
{
    const __m512i low12 = _mm512_set1_epi32(PROBABILITY - 1), one = _mm512_set1_epi32(1);
    const __m512i lowest = _mm512_set1_epi32(LOWEST);
    const __m128i within = _mm_set1_epi8(MOST_TABLES - 1);
#pragma GCC unroll 4
    for (size_t set = 0; set < SETS; set++) {
        __m128i sixteen = _mm_loadu_si128((const __m128i *)(contexts + 16 * set));
        __m512i table = _mm512_cvtepu8_epi32(_mm_and_si128(sixteen, within));
        __m512i where = _mm512_or_si512(_mm512_slli_epi32(table, PROBABILITY_BITS),
                                        _mm512_and_si512(x[set], low12));
        __m512i slot = _mm512_i32gather_epi32(where, slots, 4);
        __m512i frequency = _mm512_add_epi32(_mm512_and_si512(_mm512_srli_epi32(slot, 12), low12), one);
        __m512i y = _mm512_mullo_epi32(frequency, _mm512_srli_epi32(x[set], PROBABILITY_BITS));
        y = _mm512_add_epi32(y, _mm512_and_si512(slot, low12));
        __mmask16 low = _mm512_cmplt_epu32_mask(y, lowest);
        __m512i words = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)at));
        at += 2 * __builtin_popcount(low);
        words = _mm512_maskz_expand_epi32(low, words);
        x[set] = _mm512_mask_or_epi32(y, low, _mm512_slli_epi32(y, 16), words);
        __m128i found = _mm512_cvtepi32_epi8(_mm512_srli_epi32(slot, 24));
        _mm_storeu_si128((__m128i *)(tokens + 16 * set), found);
    }
    return at;
}

/* All whole rounds of 64 lanes; how many tokens that makes. `data` becomes NULL when there are not words enough. */
WITH_AVX512 static size_t decode_avx512(const uint8_t **data, const uint8_t *end, const uint8_t *contexts,
                                        size_t count, const uint32_t *slots, uint32_t *states, uint8_t *tokens)
{
    __m512i x[SETS];
    const uint8_t *at = *data;
    size_t done = 0;
    for (size_t set = 0; set < SETS; set++)
        x[set] = _mm512_loadu_si512(states + 16 * set);
    for (; done + MOST_LANES <= count && end - at >= 2 * MOST_LANES; done += MOST_LANES)
        at = decode_round(at, contexts + done, slots, x, tokens + done);
    if (end - at < 2 * MOST_LANES) { /* the last words, of which zeros and more of the same need none */
        uint8_t words[4 * MOST_LANES] = {0};
        const uint8_t *place = words;
        size_t left = (size_t)(end - at);
        memcpy(words, at, left);
        for (; done + MOST_LANES <= count && place <= words + left; done += MOST_LANES)
            place = decode_round(place, contexts + done, slots, x, tokens + done);
        at = place <= words + left ? at + (place - words) : NULL;
    }
    for (size_t set = 0; set < SETS; set++)
        _mm512_storeu_si512(states + 16 * set, x[set]);
    *data = at;
    return done;
}

#undef SETS
#endif
#endif
