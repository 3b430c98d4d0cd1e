/* Planes of exponents as two values a byte, and words of 16 bits taken apart that way and put together.
 * Every function does what its namesake in arrays.py does, to the bit.
 */

#include "kernel.h"

#define BLOCK 4096 /* bytes of a plane handled at a time, so that what follows finds them in the first cache */
#define STRAY 15
#define SAMPLE 2048
#define MOST_STRAYS 128 /* one stray in so many */

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

/* Joining: into words, or only to compare with them. */
struct join {
    const uint8_t *pairs, *low, *strays;
    size_t given, found;
    uint8_t lowest;
};

/* Up to GROUP words from `start` on, which is a whole number of groups. */
INLINE void join_group(struct join *at, size_t start, size_t length, uint8_t *words)
{
    uint8_t plane[GROUP], nibbles[GROUP];
    memset(nibbles, 0, GROUP);
    for (size_t i = 0; i < (length + 1) / 2; i++) {
        nibbles[2 * i] = at->pairs[start / 2 + i] & 15;
        nibbles[2 * i + 1] = at->pairs[start / 2 + i] >> 4;
    }
    if (length % 2)
        nibbles[length] = 0;
    for (size_t i = 0; i < GROUP; i++)
        plane[i] = (uint8_t)(nibbles[i] + at->lowest);
    at->found = put_strays(plane, nibbles, length, at->strays, at->given, at->found);
    for (size_t i = 0; i < length; i++) {
        uint16_t word = (uint16_t)(plane[i] << 8 | at->low[start + i]);
        word = (uint16_t)(word >> 1 | word << 15);
        memcpy(words + 2 * i, &word, 2);
    }
}

/* Fills `out`; or, to `compare`, leaves it alone and says whether it holds these words. */
INLINE int join_groups(struct join *at, size_t start, size_t count, uint8_t *out, int compare)
{
    for (; start < count; start += GROUP) {
        size_t length = count - start < GROUP ? count - start : GROUP;
        uint8_t words[2 * GROUP];
        join_group(at, start, length, words);
        if (!compare)
            memcpy(out + 2 * start, words, 2 * length);
        else if (memcmp(out + 2 * start, words, 2 * length))
            return 0;
    }
    return 1;
}

#ifdef HAVE_AVX2
/* The whole groups; how many words, or fewer, to `compare`, when they differ. */
INLINE WITH_AVX2 size_t join_groups_avx2(struct join *at, size_t count, uint8_t *out, int compare)
{
    const __m256i low4 = _mm256_set1_epi8(15), lowest = _mm256_set1_epi8((char)at->lowest);
    size_t start = 0;
    for (; start + GROUP <= count; start += GROUP) {
        __m256i pair = _mm256_loadu_si256((const __m256i *)(at->pairs + start / 2));
        __m256i even = _mm256_and_si256(pair, low4);
        __m256i odd = _mm256_and_si256(_mm256_srli_epi16(pair, 4), low4);
        __m256i strays = _mm256_or_si256(_mm256_cmpeq_epi8(even, low4), _mm256_cmpeq_epi8(odd, low4));
        uint8_t *to = out + 2 * start;
        if (!_mm256_testz_si256(strays, strays)) {
            if (!join_groups(at, start, start + GROUP, out, compare))
                return start;
            continue;
        }
        __m256i first = _mm256_loadu_si256((const __m256i *)(at->low + start));
        __m256i second = _mm256_loadu_si256((const __m256i *)(at->low + start + 32));
        __m256i differ = _mm256_setzero_si256();
        for (int half = 0; half < 2; half++) { /* words 0 to 15 and 32 to 47, then the others */
            __m256i high = half ? _mm256_unpackhi_epi8(even, odd) : _mm256_unpacklo_epi8(even, odd);
            __m256i low = half ? _mm256_permute2x128_si256(first, second, 0x31)
                               : _mm256_permute2x128_si256(first, second, 0x20);
            high = _mm256_add_epi8(high, lowest);
            __m256i a = _mm256_unpacklo_epi8(low, high), b = _mm256_unpackhi_epi8(low, high);
            a = _mm256_or_si256(_mm256_srli_epi16(a, 1), _mm256_slli_epi16(a, 15));
            b = _mm256_or_si256(_mm256_srli_epi16(b, 1), _mm256_slli_epi16(b, 15));
            __m256i here = _mm256_permute2x128_si256(a, b, 0x20);
            __m256i there = _mm256_permute2x128_si256(a, b, 0x31);
            __m256i *place = (__m256i *)(to + 32 * half), *further = (__m256i *)(to + 64 + 32 * half);
            if (compare) {
                here = _mm256_xor_si256(here, _mm256_loadu_si256(place));
                there = _mm256_xor_si256(there, _mm256_loadu_si256(further));
                differ = _mm256_or_si256(differ, _mm256_or_si256(here, there));
            } else {
                _mm256_storeu_si256(place, here);
                _mm256_storeu_si256(further, there);
            }
        }
        if (!_mm256_testz_si256(differ, differ))
            return start;
    }
    return start;
}

WITH_AVX2 static size_t join_avx2(struct join *at, size_t count, uint8_t *out)
{
    return join_groups_avx2(at, count, out, 0);
}

WITH_AVX2 static size_t match_avx2(struct join *at, size_t count, const uint8_t *raw)
{
    return join_groups_avx2(at, count, (uint8_t *)raw, 1);
}
#endif

FAST static int join_portable(struct join *at, size_t start, size_t count, uint8_t *out)
{
    return join_groups(at, start, count, out, 0);
}

FAST static int match_portable(struct join *at, size_t start, size_t count, const uint8_t *raw)
{
    return join_groups(at, start, count, (uint8_t *)raw, 1);
}

/* Inverse of mvc_split_pairs; the number of strays that the pairs mark. */
EXPORT int64_t mvc_join_pairs(const uint8_t *pairs, size_t count, uint8_t lowest, const uint8_t *strays,
                              size_t given, const uint8_t *low, uint8_t *out)
{
    struct join at = {pairs, low, strays, given, 0, lowest};
    size_t start = 0;
#ifdef HAVE_AVX2
    if (__builtin_cpu_supports("avx2"))
        start = join_avx2(&at, count, out);
#endif
    join_portable(&at, start, count, out);
    return (int64_t)at.found;
}

/* The same words compared with `raw`: -1 when they are others. */
EXPORT int64_t mvc_match_pairs(const uint8_t *pairs, size_t count, uint8_t lowest, const uint8_t *strays,
                               size_t given, const uint8_t *low, const uint8_t *raw)
{
    struct join at = {pairs, low, strays, given, 0, lowest};
    size_t start = 0;
#ifdef HAVE_AVX2
    if (__builtin_cpu_supports("avx2")) {
        start = match_avx2(&at, count, raw);
        if (start + GROUP <= count)
            return -1;
    }
#endif
    return match_portable(&at, start, count, raw) ? (int64_t)at.found : -1;
}
