/* The inner loops of the codecs, for machines that have a compiler.
 *
 * Plain C without Python's headers, loaded through ctypes, which lets go of the interpreter lock for the
 * length of a call. Every function does what its namesake in arrays.py does, to the bit; the tests
 * hold the two together.
 */

#include "kernel.h"

#define BLOCK 4096 /* bytes of a plane handled at a time, so that what follows finds them in the first cache */
#define STRAY 15
#define SAMPLE 2048
#define MOST_STRAYS 128 /* one stray in so many */

#ifndef MVC_SOURCE
#define MVC_SOURCE "" /* the digest of the sources, which the build gives */
#endif

EXPORT int mvc_kernel_version(void) { return 6; }

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

/* Plane `number` (0 is the high-order one) of `count` words of `width` bytes. */
EXPORT void mvc_plane(const uint8_t *raw, size_t count, int width, int number, int rotated, uint8_t *out)
{
    unsigned shift = 8u * (unsigned)(width - 1 - number);
    switch (width) {
    case 1: plane8(raw, count, shift, rotated, out); break;
    case 2: plane16(raw, count, shift, rotated, out); break;
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

/* ------------------------------------------------------------------ two exponents a byte */

#define GROUP 64 /* nibbles that are looked at together for a stray, which is rare */

/* Whether one of GROUP nibbles (bytes up to 15) is a stray: only 15 + 0x71 reaches the top bit. */
static inline int has_stray(const uint8_t *nibbles)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < GROUP; i += 8) {
        uint64_t eight;
        memcpy(&eight, nibbles + i, 8);
        sum |= eight + 0x7171717171717171u;
    }
    return (sum & 0x8080808080808080u) != 0;
}

/* The `count` nibbles of a block and, in `pairs`, two of them a byte. Loops as plain as these become vector
 * code. */
FAST static void pair_block(const uint8_t *restrict plane, size_t count, uint8_t low,
                            uint8_t *restrict nibbles, uint8_t *restrict pairs)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t nibble = (uint8_t)(plane[i] - low);
        nibbles[i] = nibble < STRAY ? nibble : STRAY;
    }
    for (size_t i = 0; i < (count + 1) / 2; i++) {
        uint16_t word;
        memcpy(&word, nibbles + 2 * i, 2);
        pairs[i] = (uint8_t)(word | word >> 4);
    }
}

/* The lowest value of the window whose highest is the highest of a sample. */
static inline uint8_t window_below(uint8_t highest)
{
    return highest < STRAY ? 0 : (uint8_t)(highest - STRAY + 1);
}

/* Adds a block's strays to those `found`; whether they are still at most `most`. */
static inline int list_strays(const uint8_t *plane, const uint8_t *nibbles, size_t length, uint8_t *strays,
                              size_t *found, size_t most)
{
    for (size_t group = 0; group < length; group += GROUP) {
        if (!has_stray(nibbles + group))
            continue;
        for (size_t i = group; i < group + GROUP; i++)
            if (nibbles[i] == STRAY) {
                if (*found == most)
                    return 0;
                strays[(*found)++] = plane[i];
            }
    }
    return 1;
}

/* The number of strays, which are listed in `strays` (room for count / 128); -1 when there are more. */
FAST EXPORT int64_t mvc_pair(const uint8_t *plane, size_t count, uint8_t *lowest, uint8_t *pairs,
                             uint8_t *strays)
{
    uint8_t nibbles[BLOCK], highest = 0;
    size_t found = 0, most = count / MOST_STRAYS;
    for (size_t i = 0; i < count; i += count / SAMPLE | 1)
        highest = highest > plane[i] ? highest : plane[i];
    *lowest = window_below(highest);
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t length = count - start < BLOCK ? count - start : BLOCK;
        memset(nibbles + length, 0, BLOCK - length);
        pair_block(plane + start, length, *lowest, nibbles, pairs + start / 2);
        if (!list_strays(plane + start, nibbles, length, strays, &found, most))
            return -1;
    }
    return (int64_t)found;
}

FAST static void unpair_block(const uint8_t *restrict pairs, size_t count, uint8_t low,
                              uint8_t *restrict nibbles, uint8_t *restrict plane)
{
    for (size_t i = 0; i < (count + 1) / 2; i++) {
        uint16_t word = (uint16_t)((pairs[i] | pairs[i] << 4) & 0x0f0f);
        memcpy(nibbles + 2 * i, &word, 2);
    }
    for (size_t i = 0; i < count; i++)
        plane[i] = (uint8_t)(nibbles[i] + low);
}

/* Puts the strays of a block in their places; how many there are with the `found` ones before. */
static inline size_t put_strays(uint8_t *plane, const uint8_t *nibbles, size_t length, const uint8_t *strays,
                                size_t given, size_t found)
{
    for (size_t group = 0; group < length; group += GROUP) {
        if (!has_stray(nibbles + group))
            continue;
        for (size_t i = group; i < group + GROUP; i++)
            if (nibbles[i] == STRAY) {
                if (found < given)
                    plane[i] = strays[found];
                found++;
            }
    }
    return found;
}

/* Fills `plane`; the number of strays that the pairs mark, whatever the number of values given. */
FAST EXPORT int64_t mvc_unpair(const uint8_t *pairs, size_t count, uint8_t low, const uint8_t *strays,
                               size_t given, uint8_t *plane)
{
    uint8_t nibbles[BLOCK];
    size_t found = 0;
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t length = count - start < BLOCK ? count - start : BLOCK;
        unpair_block(pairs + start / 2, length, low, nibbles, plane + start);
        memset(nibbles + length, 0, BLOCK - length);
        found = put_strays(plane + start, nibbles, length, strays, given, found);
    }
    return (int64_t)found;
}

/* ------------------------------------------------------------------ both at once, of 16-bit words */

FAST static void split_block(const uint8_t *restrict raw, size_t count, uint8_t *restrict high,
                             uint8_t *restrict low)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t word;
        memcpy(&word, raw + 2 * i, 2);
        word = (uint16_t)(word << 1 | word >> 15);
        high[i] = (uint8_t)(word >> 8);
        low[i] = (uint8_t)word;
    }
}

/* Plane 1 of rotated words in `low`, and of plane 0 what mvc_pair makes of it. */
FAST EXPORT int64_t mvc_split_pairs(const uint8_t *raw, size_t count, uint8_t *lowest, uint8_t *pairs,
                                    uint8_t *strays, uint8_t *low)
{
    uint8_t plane[BLOCK], nibbles[BLOCK], highest = 0;
    size_t found = 0, most = count / MOST_STRAYS;
    for (size_t i = 0; i < count; i += count / SAMPLE | 1) {
        uint8_t value = (uint8_t)(raw[2 * i + 1] << 1 | raw[2 * i] >> 7);
        highest = highest > value ? highest : value;
    }
    *lowest = window_below(highest);
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t length = count - start < BLOCK ? count - start : BLOCK;
        split_block(raw + 2 * start, length, plane, low + start);
        memset(nibbles + length, 0, BLOCK - length);
        pair_block(plane, length, *lowest, nibbles, pairs + start / 2);
        if (!list_strays(plane, nibbles, length, strays, &found, most))
            return -1;
    }
    return (int64_t)found;
}

/* Inverse of mvc_split_pairs; the number of strays that the pairs mark. */
FAST EXPORT int64_t mvc_join_pairs(const uint8_t *pairs, size_t count, uint8_t lowest, const uint8_t *strays,
                                   size_t given, const uint8_t *low, uint8_t *out)
{
    uint8_t plane[BLOCK], nibbles[BLOCK];
    size_t found = 0;
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t length = count - start < BLOCK ? count - start : BLOCK;
        const uint8_t *const both[] = {plane, low + start};
        unpair_block(pairs + start / 2, length, lowest, nibbles, plane);
        memset(nibbles + length, 0, BLOCK - length);
        found = put_strays(plane, nibbles, length, strays, given, found);
        join16(both, length, 1, out + 2 * start);
    }
    return (int64_t)found;
}

/* ------------------------------------------------------------------ memory */

EXPORT int mvc_equal(const uint8_t *left, const uint8_t *right, size_t length)
{
    return memcmp(left, right, length) == 0;
}

EXPORT void mvc_copy(uint8_t *target, const uint8_t *source, size_t length) { memcpy(target, source, length); }
