/* The inner loops of the codecs, for machines that have a compiler.
 *
 * Plain C without Python's headers, loaded through ctypes, which lets go of the interpreter lock for the
 * length of a call. Every function does what its namesake in arrays.py does, to the bit; the tests
 * hold the two together.
 */

#include "kernel.h"

#ifndef MVC_SOURCE
#define MVC_SOURCE "" /* the digest of the sources, which the build gives */
#endif

EXPORT int mvc_kernel_version(void) { return 9; }

EXPORT const char *mvc_kernel_source(void) { return MVC_SOURCE; }

/* ------------------------------------------------------------------ planes out of words */

#define PLANE(bits)                                                                                      \
    FAST static void plane##bits(const uint8_t *restrict raw, size_t count, unsigned shift, int rotated, \
                                 uint8_t *restrict out)                                                  \
    {                                                                                                    \
        for (size_t i = 0; i < count; i++) {                                                             \
            uint##bits##_t word;                                                                         \
            memcpy(&word, raw + i * sizeof word, sizeof word);                                           \
            if (rotated)                                                                                 \
                word = (uint##bits##_t)(word << 1 | word >> (bits - 1));                                 \
            out[i] = (uint8_t)(word >> shift);                                                           \
        }                                                                                                \
    }
PLANE(8)
PLANE(16)
PLANE(32)
PLANE(64)

#ifdef HAVE_AVX512
/* The same of 16-bit words, 64 at once. */
WITH_AVX512 static void plane16_avx512(const uint8_t *raw, size_t count, unsigned shift, int rotated, uint8_t *out)
{
    uint8_t even[64];
    size_t i = 0;
    for (unsigned byte = 0; byte < 64; byte++)
        even[byte] = (uint8_t)(2 * byte);
    const __m512i take = _mm512_loadu_si512(even);
    /* Bits from `shift` on of the rotated word are bits from `shift` - 1 on of the word, before its top one. */
    const __m128i by = _mm_cvtsi32_si128((int)shift - (rotated && shift));
    for (; i + 64 <= count; i += 64) {
        __m512i a = _mm512_loadu_si512(raw + 2 * i), b = _mm512_loadu_si512(raw + 2 * i + 64);
        if (rotated && !shift) {
            a = _mm512_or_si512(_mm512_add_epi16(a, a), _mm512_srli_epi16(a, 15));
            b = _mm512_or_si512(_mm512_add_epi16(b, b), _mm512_srli_epi16(b, 15));
        }
        a = _mm512_permutex2var_epi8(_mm512_srl_epi16(a, by), take, _mm512_srl_epi16(b, by));
        _mm512_storeu_si512(out + i, a);
    }
    plane16(raw + 2 * i, count - i, shift, rotated, out + i);
}
#endif

/* Plane `number` (0 is the high-order one) of `count` words of `width` bytes. */
EXPORT void mvc_plane(const uint8_t *raw, size_t count, int width, int number, int rotated, uint8_t *out)
{
    unsigned shift = 8u * (unsigned)(width - 1 - number);
    switch (width) {
    case 1: plane8(raw, count, shift, rotated, out); break;
    case 2:
#ifdef HAVE_AVX512
        if (has_avx512()) {
            plane16_avx512(raw, count, shift, rotated, out);
            break;
        }
#endif
        plane16(raw, count, shift, rotated, out);
        break;
    case 4: plane32(raw, count, shift, rotated, out); break;
    default: plane64(raw, count, shift, rotated, out); break;
    }
}

/* All planes, one behind the other. */
EXPORT void mvc_split(const uint8_t *raw, size_t count, int width, int rotated, uint8_t *out)
{
    for (int number = 0; number < width; number++)
        mvc_plane(raw, count, width, number, rotated, out + (size_t)number * count);
}

/* ------------------------------------------------------------------ words out of planes */

FAST static void join8(const uint8_t *const *planes, size_t count, int rotated, uint8_t *restrict out)
{
    const uint8_t *only = planes[0];
    for (size_t i = 0; i < count; i++)
        out[i] = rotated ? (uint8_t)(only[i] >> 1 | only[i] << 7) : only[i];
}

FAST static void join16(const uint8_t *const *planes, size_t count, int rotated, uint8_t *restrict out)
{
    const uint8_t *restrict high = planes[0], *restrict low = planes[1];
    if (rotated)
        for (size_t i = 0; i < count; i++) {
            uint16_t word = (uint16_t)(high[i] << 8 | low[i]);
            word = (uint16_t)(word >> 1 | word << 15);
            memcpy(out + 2 * i, &word, 2);
        }
    else
        for (size_t i = 0; i < count; i++) {
            uint16_t word = (uint16_t)(high[i] << 8 | low[i]);
            memcpy(out + 2 * i, &word, 2);
        }
}

FAST static void join32(const uint8_t *const *planes, size_t count, int rotated, uint8_t *restrict out)
{
    const uint8_t *restrict a = planes[0], *restrict b = planes[1], *restrict c = planes[2],
                  *restrict d = planes[3];
    for (size_t i = 0; i < count; i++) {
        uint32_t word = (uint32_t)a[i] << 24 | (uint32_t)b[i] << 16 | (uint32_t)c[i] << 8 | d[i];
        if (rotated)
            word = word >> 1 | word << 31;
        memcpy(out + 4 * i, &word, 4);
    }
}

FAST static void join64(const uint8_t *const *planes, size_t count, int rotated, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t word = 0;
        for (int number = 0; number < 8; number++)
            word = word << 8 | planes[number][i];
        if (rotated)
            word = word >> 1 | word << 63;
        memcpy(out + 8 * i, &word, 8);
    }
}

/* Inverse of taking all planes: `planes[0]` is the high-order one. */
EXPORT void mvc_join(const uint8_t *const *planes, size_t count, int width, int rotated, uint8_t *out)
{
    switch (width) {
    case 1: join8(planes, count, rotated, out); break;
    case 2: join16(planes, count, rotated, out); break;
    case 4: join32(planes, count, rotated, out); break;
    default: join64(planes, count, rotated, out); break;
    }
}

/* ------------------------------------------------------------------ memory */

EXPORT int mvc_equal(const uint8_t *left, const uint8_t *right, size_t length)
{
    return memcmp(left, right, length) == 0;
}

EXPORT void mvc_copy(uint8_t *target, const uint8_t *source, size_t length) { memcpy(target, source, length); }
