/* A block of 16-bit words, written for AVX-512. Only words that have extra bits are packed: they are moved
 * together first, so that a small step of training, which leaves most without, takes half the time. */

#ifndef MVC_BLOCKS_AVX512_H
#define MVC_BLOCKS_AVX512_H

#include "blocks.h"

#ifdef HAVE_AVX512

#define LARGE_BLOCK 512 /* words */
#define VECTOR 32       /* words */

/* Places of floats in their order, and these as floats again. */
INLINE WITH_AVX512 __m512i in_order(__m512i words)
{
    return _mm512_xor_si512(words, _mm512_or_si512(_mm512_srai_epi16(words, 15), _mm512_set1_epi16(-0x8000)));
}

INLINE WITH_AVX512 __m512i out_of_order(__m512i places)
{
    const __m512i top = _mm512_set1_epi16(-0x8000);
    /* All bits but the top one of places that lack it, and the top one of all. */
    __m512i turned = _mm512_ternarylogic_epi32(_mm512_srai_epi16(places, 15), top, top, 0xaf);
    return _mm512_xor_si512(places, turned);
}

/* Extra bits of words, `some` of them and as many zeros as fill a unit, as bits that are written. */
INLINE WITH_AVX512 void put_extra(const uint16_t *extra, const uint16_t *left, size_t some, struct writer *to)
{
    const __m512i low16 = _mm512_set1_epi32(0xffff), low32 = _mm512_set1_epi64(0xffffffff);
    uint64_t units[LARGE_BLOCK / 4 + VECTOR / 4], bits[LARGE_BLOCK / 4 + VECTOR / 4];
    for (size_t at = 0; at < some; at += VECTOR) {
        __m512i value = _mm512_loadu_si512(extra + at), count = _mm512_loadu_si512(left + at);
        __m512i first = _mm512_and_si512(count, low16);
        __m512i two = _mm512_or_si512(_mm512_and_si512(value, low16),
                                      _mm512_sllv_epi32(_mm512_srli_epi32(value, 16), first));
        __m512i together = _mm512_add_epi32(first, _mm512_srli_epi32(count, 16));
        first = _mm512_and_si512(together, low32);
        __m512i four = _mm512_or_si512(_mm512_and_si512(two, low32),
                                       _mm512_sllv_epi64(_mm512_srli_epi64(two, 32), first));
        together = _mm512_add_epi64(first, _mm512_srli_epi64(together, 32));
        _mm512_storeu_si512(units + at / 4, four);
        _mm512_storeu_si512(bits + at / 4, together);
    }
    put_units(to, units, bits, (some + 3) / 4, 0);
}

/* Tokens of LARGE_BLOCK words; their extra bits. */
INLINE WITH_AVX512 void put_block_avx512(const uint8_t *raw, const uint8_t *base, int ordered, uint8_t *tokens,
                                         struct writer *to)
{
    const __m512i zero = _mm512_setzero_si512();
    uint16_t extra[LARGE_BLOCK + 2 * VECTOR], left[LARGE_BLOCK + 2 * VECTOR];
    size_t some = 0;
    for (size_t at = 0; at < LARGE_BLOCK; at += VECTOR) {
        __m512i a = _mm512_loadu_si512(raw + 2 * at), b = _mm512_loadu_si512(base + 2 * at);
        if (ordered) {
            a = in_order(a);
            b = in_order(b);
        }
        a = _mm512_sub_epi16(a, b);
        __m512i value = _mm512_xor_si512(_mm512_add_epi16(a, a), _mm512_srai_epi16(a, 15));
        __m512i token = value;
        __mmask32 large = _mm512_cmpge_epu16_mask(value, _mm512_set1_epi16(DIRECT));
        if (large) {
            /* Leading zeros of 32-bit words of which the value is the upper half. */
            __m512i even = _mm512_lzcnt_epi32(_mm512_slli_epi32(value, 16));
            __m512i odd = _mm512_lzcnt_epi32(value);
            __m512i zeros = _mm512_mask_blend_epi16(0xaaaaaaaa, even, _mm512_slli_epi32(odd, 16));
            __m512i bits = _mm512_sub_epi16(_mm512_set1_epi16(13), zeros); /* below the two that tokens tell */
            __m512i above = _mm512_srlv_epi16(value, bits);                /* 4 and these two */
            __m512i many = _mm512_add_epi16(_mm512_slli_epi16(bits, 2), _mm512_add_epi16(above, _mm512_set1_epi16(4)));
            token = _mm512_mask_mov_epi16(value, large, many);
            __m512i below = _mm512_xor_si512(value, _mm512_sllv_epi16(above, bits));
            _mm512_storeu_si512(extra + some, _mm512_maskz_compress_epi16(large, below));
            _mm512_storeu_si512(left + some, _mm512_maskz_compress_epi16(large, bits));
            some += (size_t)__builtin_popcount(large);
        }
        _mm256_storeu_si256((__m256i *)(tokens + at), _mm512_cvtepi16_epi8(token));
    }
    _mm512_storeu_si512(extra + some, zero);
    _mm512_storeu_si512(left + some, zero);
    put_extra(extra, left, some, to);
}

/* The extra bits of `some` words, of which each has as many as `left` says; 0 when there are not as many. */
INLINE WITH_AVX512 int take_extra(struct reader *from, const uint16_t *left, size_t some, uint16_t *extra)
{
    const __m512i low16 = _mm512_set1_epi32(0xffff), low32 = _mm512_set1_epi64(0xffffffff);
    uint64_t units[LARGE_BLOCK / 4 + VECTOR / 4], bits[LARGE_BLOCK / 4 + VECTOR / 4];
    __m512i all = _mm512_setzero_si512();
    size_t position = from->position;
    for (size_t at = 0; at < some; at += VECTOR) {
        __m512i count = _mm512_loadu_si512(left + at);
        count = _mm512_add_epi32(_mm512_and_si512(count, low16), _mm512_srli_epi32(count, 16));
        count = _mm512_add_epi64(_mm512_and_si512(count, low32), _mm512_srli_epi64(count, 32));
        all = _mm512_add_epi64(all, count);
        _mm512_storeu_si512(bits + at / 4, count);
    }
    if ((size_t)_mm512_reduce_add_epi64(all) > from->end - position)
        return 0;
    for (size_t i = 0; i < (some + 3) / 4; i++) {
        memcpy(&units[i], from->data + position / 8, 8);
        units[i] >>= position % 8;
        position += bits[i];
    }
    from->position = position;
    for (size_t at = 0; at < some; at += VECTOR) {
        __m512i count = _mm512_loadu_si512(left + at), unit = _mm512_loadu_si512(units + at / 4);
        __m512i first = _mm512_and_si512(count, low16);
        __m512i pair = _mm512_and_si512(_mm512_add_epi32(first, _mm512_srli_epi32(count, 16)), low32);
        __m512i high = _mm512_slli_epi64(_mm512_srlv_epi64(unit, pair), 32);
        unit = _mm512_mask_blend_epi32(0xaaaa, unit, high);
        high = _mm512_slli_epi32(_mm512_srlv_epi32(unit, first), 16);
        unit = _mm512_mask_blend_epi16(0xaaaaaaaa, unit, high);
        __m512i above = _mm512_sllv_epi16(_mm512_set1_epi16(-1), count);
        _mm512_storeu_si512(extra + at, _mm512_andnot_si512(above, unit));
    }
    return 1;
}

/* Inverse of put_block_avx512; 0 when a token is of no 16-bit word or there are too few extra bits. */
INLINE WITH_AVX512 int get_block_avx512(const uint8_t *tokens, struct reader *from, const uint8_t *base,
                                        int ordered, uint8_t *out)
{
    const __m512i zero = _mm512_setzero_si512(), one = _mm512_set1_epi16(1);
    uint16_t extra[LARGE_BLOCK + 2 * VECTOR], left[LARGE_BLOCK + 2 * VECTOR];
    uint32_t sets[LARGE_BLOCK / VECTOR];
    size_t some = 0, place = 0;
    __mmask32 wrong = 0;
    for (size_t at = 0; at < LARGE_BLOCK; at += VECTOR) {
        __m512i token = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(tokens + at)));
        __mmask32 large = _mm512_cmpge_epu16_mask(token, _mm512_set1_epi16(DIRECT));
        sets[at / VECTOR] = large;
        if (!large)
            continue;
        wrong |= _mm512_cmpge_epu16_mask(token, _mm512_set1_epi16(DIRECT + 12 * 4));
        __m512i bits = _mm512_sub_epi16(_mm512_srli_epi16(token, 2), _mm512_set1_epi16(2));
        _mm512_storeu_si512(left + some, _mm512_maskz_compress_epi16(large, bits));
        some += (size_t)__builtin_popcount(large);
    }
    _mm512_storeu_si512(left + some, zero);
    if (wrong || (some && !take_extra(from, left, some, extra)))
        return 0;
    for (size_t at = 0; at < LARGE_BLOCK; at += VECTOR) {
        __m512i value = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(tokens + at)));
        __mmask32 large = sets[at / VECTOR];
        if (large) {
            __m512i bits = _mm512_sub_epi16(_mm512_srli_epi16(value, 2), _mm512_set1_epi16(2));
            __m512i head = _mm512_or_si512(_mm512_and_si512(value, _mm512_set1_epi16(3)), _mm512_set1_epi16(4));
            __m512i below = _mm512_maskz_expand_epi16(large, _mm512_loadu_si512(extra + place));
            value = _mm512_mask_mov_epi16(value, large, _mm512_or_si512(_mm512_sllv_epi16(head, bits), below));
            place += (size_t)__builtin_popcount(large);
        }
        __m512i sign = _mm512_sub_epi16(zero, _mm512_and_si512(value, one));
        value = _mm512_xor_si512(_mm512_srli_epi16(value, 1), sign);
        __m512i under = _mm512_loadu_si512(base + 2 * at);
        value = _mm512_add_epi16(value, ordered ? in_order(under) : under);
        _mm512_storeu_si512(out + 2 * at, ordered ? out_of_order(value) : value);
    }
    return 1;
}

/* ------------------------------------------------------------------ a frame: what delta.c says of these */

WITH_AVX512 static size_t tokens16_avx512(const uint8_t *raw, const uint8_t *base, size_t count, int ordered,
                                          uint8_t *tokens, uint8_t *extra)
{
    struct writer to = {extra, 0, 0};
    size_t at = 0, rest = count % LARGE_BLOCK;
    for (; at + LARGE_BLOCK <= count; at += LARGE_BLOCK)
        put_block_avx512(raw + 2 * at, base + 2 * at, ordered, tokens + at, &to);
    if (rest) {
        uint8_t words[2 * LARGE_BLOCK] = {0}, under[2 * LARGE_BLOCK] = {0}, found[LARGE_BLOCK];
        memcpy(words, raw + 2 * at, 2 * rest);
        memcpy(under, base + 2 * at, 2 * rest);
        put_block_avx512(words, under, ordered, found, &to);
        memcpy(tokens + at, found, rest);
    }
    return finish(&to, extra);
}

WITH_AVX512 static int words16_avx512(const uint8_t *tokens, size_t count, const uint8_t *extra, size_t length,
                                      const uint8_t *base, int ordered, uint8_t *out)
{
    struct reader from = {extra, 0, length * 8};
    size_t at = 0, rest = count % LARGE_BLOCK;
    for (; at + LARGE_BLOCK <= count; at += LARGE_BLOCK)
        if (!get_block_avx512(tokens + at, &from, base + 2 * at, ordered, out + 2 * at))
            return 0;
    if (rest) {
        uint8_t words[2 * LARGE_BLOCK], under[2 * LARGE_BLOCK] = {0}, given[LARGE_BLOCK] = {0};
        memcpy(given, tokens + at, rest);
        memcpy(under, base + 2 * at, 2 * rest);
        if (!get_block_avx512(given, &from, under, ordered, words))
            return 0;
        memcpy(out + 2 * at, words, 2 * rest);
    }
    return ended(&from);
}

#endif
#endif
