/* Whole rounds of the entropy coder's 64 lanes, written for AVX2. */

#ifndef MVC_RANS_AVX2_H
#define MVC_RANS_AVX2_H

#include "rans.h"

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
#endif
