/* A block of 16-bit words, which most weights are: blocks.h written for AVX2, in two thirds of the time that
 * GCC's vector code takes. */

#ifndef MVC_BLOCKS_AVX2_H
#define MVC_BLOCKS_AVX2_H

#include "blocks.h"

#ifdef HAVE_AVX2

/* A table of 16 bytes, in both halves. */
#define TABLE(...) _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__))

INLINE WITH_AVX2 void put16_avx2(const uint16_t *words, uint8_t *tokens, struct writer *to)
{
    /* Masks of so many bits: their lower bytes and their higher ones. */
    const __m256i lower = TABLE(0, 1, 3, 7, 15, 31, 63, 127, -1, -1, -1, -1, -1, -1, -1, -1);
    const __m256i higher = TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 7, 15, 31, 63, 127);
    const __m256i zero = _mm256_setzero_si256(), one = _mm256_set1_epi16(1), one32 = _mm256_set1_epi32(1);
    const __m256i low32 = _mm256_set1_epi64x(0xffffffff);
    __m256i found[BLOCK / 16];
    uint64_t units[BLOCK / 4], bits[BLOCK / 4];
    for (size_t part = 0; part < BLOCK / 16; part++) {
        __m256i value = _mm256_loadu_si256((const __m256i *)(words + 16 * part));
        __m256i small = _mm256_cmpeq_epi16(_mm256_srli_epi16(value, 4), zero);
        __m256 first = _mm256_cvtepi32_ps(_mm256_unpacklo_epi16(value, zero));
        __m256 second = _mm256_cvtepi32_ps(_mm256_unpackhi_epi16(value, zero));
        __m256i top = _mm256_packus_epi32(_mm256_srli_epi32(_mm256_castps_si256(first), 21),
                                          _mm256_srli_epi32(_mm256_castps_si256(second), 21));
        __m256i token = _mm256_sub_epi16(top, _mm256_set1_epi16(TOP_OF_DIRECT - DIRECT));
        __m256i left = _mm256_sub_epi16(_mm256_srli_epi16(token, 2), _mm256_set1_epi16(2));
        left = _mm256_andnot_si256(small, left);
        found[part] = _mm256_blendv_epi8(token, value, small);
        __m256i mask = _mm256_shuffle_epi8(lower, _mm256_or_si256(left, _mm256_set1_epi16(-0x8000)));
        __m256i beyond = _mm256_or_si256(_mm256_slli_epi16(left, 8), _mm256_set1_epi16(0x80));
        mask = _mm256_or_si256(mask, _mm256_shuffle_epi8(higher, beyond));
        /* The first of two, and the second times 2 to the power of the first's bits. */
        __m256i powers = _mm256_slli_epi32(_mm256_add_epi16(mask, one), 16);
        __m256i two = _mm256_madd_epi16(_mm256_and_si256(value, mask), _mm256_or_si256(powers, one32));
        __m256i together = _mm256_madd_epi16(left, one);
        __m256i shifted = _mm256_sllv_epi64(_mm256_srli_epi64(two, 32), _mm256_and_si256(together, low32));
        __m256i four = _mm256_or_si256(_mm256_and_si256(two, low32), shifted);
        together = _mm256_add_epi32(together, _mm256_srli_epi64(together, 32));
        _mm256_storeu_si256((__m256i *)(units + 4 * part), four);
        _mm256_storeu_si256((__m256i *)(bits + 4 * part), _mm256_and_si256(together, low32));
    }
    for (size_t part = 0; part < BLOCK / 32; part++) {
        __m256i both = _mm256_packus_epi16(found[2 * part], found[2 * part + 1]);
        _mm256_storeu_si256((__m256i *)(tokens + 32 * part), _mm256_permute4x64_epi64(both, 0xd8));
    }
    put_units(to, units, bits, BLOCK / 4, 0);
}

INLINE WITH_AVX2 int get16_avx2(const uint8_t *tokens, struct reader *from, uint16_t *words)
{
    /* Of tokens in groups of four: their bits, 2 to the power of these, and what goes above a token's last two
     * bits. */
    const __m256i bits_of = TABLE(0, 0, 0, 0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13);
    const __m256i lower = TABLE(1, 1, 1, 1, 4, 8, 16, 32, 64, -128, 0, 0, 0, 0, 0, 0);
    const __m256i higher = TABLE(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32);
    const __m256i above = TABLE(0, 4, 8, 12, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4);
    const __m256i zero = _mm256_setzero_si256(), three = _mm256_set1_epi8(3), one = _mm256_set1_epi16(1);
    __m256i left[BLOCK / 32];
    uint32_t bits[BLOCK / 4];
    uint64_t units[BLOCK / 4], sums[4];
    __m256i all = zero;
    for (size_t part = 0; part < BLOCK / 32; part++) {
        __m256i token = _mm256_loadu_si256((const __m256i *)(tokens + 32 * part));
        __m256i group = _mm256_and_si256(_mm256_srli_epi16(token, 2), _mm256_set1_epi8(15));
        left[part] = _mm256_shuffle_epi8(bits_of, group);
        all = _mm256_add_epi64(all, _mm256_sad_epu8(left[part], zero));
        __m256i together = _mm256_maddubs_epi16(left[part], _mm256_set1_epi8(1));
        _mm256_storeu_si256((__m256i *)(bits + 8 * part), _mm256_madd_epi16(together, one));
    }
    _mm256_storeu_si256((__m256i *)sums, all);
    size_t position = from->position;
    if (sums[0] + sums[1] + sums[2] + sums[3] > from->end - position)
        return 0;
    for (size_t i = 0; i < BLOCK / 4; i++) {
        memcpy(&units[i], from->data + position / 8, 8);
        units[i] >>= position % 8;
        position += bits[i];
    }
    from->position = position;
    for (size_t part = 0; part < BLOCK / 32; part++) {
        /* Half by half below: the tokens are put where unpacking takes each half from. */
        __m256i token = _mm256_loadu_si256((const __m256i *)(tokens + 32 * part));
        token = _mm256_permute4x64_epi64(token, 0xd8);
        __m256i group = _mm256_and_si256(_mm256_srli_epi16(token, 2), _mm256_set1_epi8(15));
        __m256i low = _mm256_shuffle_epi8(lower, group), high = _mm256_shuffle_epi8(higher, group);
        __m256i head = _mm256_or_si256(_mm256_shuffle_epi8(above, group), _mm256_and_si256(token, three));
        __m256i pairs = _mm256_maddubs_epi16(left[part], _mm256_set1_epi8(1));
        for (size_t half = 0; half < 2; half++) {
            __m128i in_pair = half ? _mm256_extracti128_si256(left[part], 1) : _mm256_castsi256_si128(left[part]);
            __m128i in_unit = half ? _mm256_extracti128_si256(pairs, 1) : _mm256_castsi256_si128(pairs);
            in_pair = _mm_and_si128(in_pair, _mm_set1_epi16(0xff));
            in_unit = _mm_and_si128(in_unit, _mm_set1_epi32(0xffff));
            __m256i unit = _mm256_loadu_si256((const __m256i *)(units + 8 * part + 4 * half));
            __m256i rest = _mm256_srlv_epi64(unit, _mm256_cvtepu32_epi64(in_unit));
            unit = _mm256_blend_epi32(unit, _mm256_slli_epi64(rest, 32), 0xaa);
            rest = _mm256_srlv_epi32(unit, _mm256_cvtepu16_epi32(in_pair));
            unit = _mm256_blend_epi16(unit, _mm256_slli_epi32(rest, 16), 0xaa);
            __m256i power = half ? _mm256_unpackhi_epi8(low, high) : _mm256_unpacklo_epi8(low, high);
            __m256i value = half ? _mm256_unpackhi_epi8(head, zero) : _mm256_unpacklo_epi8(head, zero);
            unit = _mm256_and_si256(unit, _mm256_sub_epi16(power, one));
            value = _mm256_or_si256(_mm256_mullo_epi16(value, power), unit);
            _mm256_storeu_si256((__m256i *)(words + 32 * part + 16 * half), value);
        }
    }
    return 1;
}

#endif
#endif
