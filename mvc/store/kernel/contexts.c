/* Contexts: which table codes a word's token, as the base tells, and what tables those are. Every function does
 * what its namesake in array_coder.py does, to the bit.
 */

#include "kernel.h"

/* ------------------------------------------------------------------ histograms */

/* Adds how often each byte comes. Four counts by turns: one that was just written can't be read at once. */
static void count_each(const uint8_t *bytes, size_t count, uint32_t *counts)
{
    uint32_t some[4][256] = {{0}};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t turn = 0; turn < 4; turn++)
            some[turn][bytes[i + turn]]++;
    for (; i < count; i++)
        some[0][bytes[i]]++;
    for (size_t value = 0; value < 256; value++)
        counts[value] += some[0][value] + some[1][value] + some[2][value] + some[3][value];
}

#ifdef HAVE_AVX2
#define WINDOW 16   /* values: nearly all exponents of a tensor lie in so many */
#define BLOCK 4096  /* bytes: at most 255 vectors, so that a byte holds a count */
#define MOST_STRAYS (BLOCK / 16)

/* The same for a block, by comparing with each value of a window: a quarter of the time. How many values lie
 * outside it. */
WITH_AVX2 static size_t count_window_avx2(const uint8_t *bytes, unsigned low,
                                                                uint32_t *counts)
{
    const __m256i zero = _mm256_setzero_si256();
    size_t strays = BLOCK;
    for (unsigned first = low; first < low + WINDOW; first += 8) {
        __m256i value[8], seen[8];
        for (unsigned i = 0; i < 8; i++) {
            value[i] = _mm256_set1_epi8((char)(first + i));
            seen[i] = zero;
        }
        for (size_t at = 0; at < BLOCK; at += 32) {
            __m256i some = _mm256_loadu_si256((const __m256i *)(bytes + at));
            for (unsigned i = 0; i < 8; i++)
                seen[i] = _mm256_sub_epi8(seen[i], _mm256_cmpeq_epi8(some, value[i]));
        }
        for (unsigned i = 0; i < 8; i++) {
            uint64_t sums[4];
            _mm256_storeu_si256((__m256i *)sums, _mm256_sad_epu8(seen[i], zero));
            uint32_t sum = (uint32_t)(sums[0] + sums[1] + sums[2] + sums[3]);
            counts[first + i] += sum;
            strays -= sum;
        }
    }
    for (size_t at = 0; strays && at < BLOCK; at += 32) {
        __m256i some = _mm256_loadu_si256((const __m256i *)(bytes + at));
        __m256i place = _mm256_sub_epi8(some, _mm256_set1_epi8((char)low));
        __m256i inside = _mm256_cmpeq_epi8(_mm256_min_epu8(place, _mm256_set1_epi8(WINDOW - 1)), place);
        for (uint32_t outside = ~(uint32_t)_mm256_movemask_epi8(inside); outside; outside &= outside - 1)
            counts[bytes[at + (size_t)__builtin_ctz(outside)]]++;
    }
    return strays;
}

/* Where the window begins in which most of the bytes lie. */
static unsigned place_window(const uint32_t *counts)
{
    unsigned best = 0;
    uint64_t most = 0;
    for (unsigned low = 0; low + WINDOW <= 256; low++) {
        uint64_t inside = 0;
        for (unsigned i = 0; i < WINDOW; i++)
            inside += counts[low + i];
        best = inside > most ? low : best;
        most = inside > most ? inside : most;
    }
    return best;
}
#endif

static void histogram(const uint8_t *bytes, size_t count, uint32_t *counts)
{
    size_t done = 0;
    memset(counts, 0, 256 * sizeof *counts);
#ifdef HAVE_AVX2
    if (count >= 8 * BLOCK && __builtin_cpu_supports("avx2")) {
        size_t strays = 0;
        count_each(bytes, BLOCK, counts);
        unsigned low = place_window(counts);
        for (done = BLOCK; done + BLOCK <= count && strays <= MOST_STRAYS; done += BLOCK)
            strays = count_window_avx2(bytes + done, low, counts);
    }
#endif
    count_each(bytes + done, count - done, counts);
}

/* ------------------------------------------------------------------ contexts */

#define STRETCH 4096 /* bytes that the first cache holds */

/* How many of the `number` steps are less than the byte, for each byte, in place. */
FAST static void rank(uint8_t *bytes, size_t count, const uint8_t *steps, size_t number)
{
    for (size_t at = 0; at < count; at += STRETCH) {
        size_t some = count - at < STRETCH ? count - at : STRETCH;
        uint8_t values[STRETCH], *const ranks = bytes + at;
        memcpy(values, ranks, some);
        memset(ranks, 0, some);
        for (size_t step = 0; step < number; step += 4) {
            uint8_t a = steps[step], b = steps[step + 1], c = steps[step + 2], d = steps[step + 3];
            for (size_t i = 0; i < some; i++) {
                uint8_t value = values[i];
                ranks[i] = (uint8_t)(ranks[i] + (value > a) + (value > b) + (value > c) + (value > d));
            }
        }
    }
}

#ifdef HAVE_AVX512
/* The same by a table of all bytes. */
WITH_AVX512 static void rank_avx512(uint8_t *bytes, size_t count, const uint8_t *steps, size_t number)
{
    uint8_t ranks[256];
    for (unsigned value = 0, rank = 0; value < 256; value++) {
        while (rank < number && steps[rank] < value)
            rank++;
        ranks[value] = (uint8_t)rank;
    }
    const __m512i a = _mm512_loadu_si512(ranks), b = _mm512_loadu_si512(ranks + 64),
                  c = _mm512_loadu_si512(ranks + 128), d = _mm512_loadu_si512(ranks + 192);
    for (size_t at = 0; at < count; at += 64) {
        __mmask64 some = count - at < 64 ? ((__mmask64)1 << (count - at)) - 1 : ~(__mmask64)0;
        __m512i value = _mm512_maskz_loadu_epi8(some, bytes + at);
        __m512i low = _mm512_permutex2var_epi8(a, value, b), high = _mm512_permutex2var_epi8(c, value, d);
        __m512i rank = _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(value), high);
        _mm512_mask_storeu_epi8(bytes + at, some, rank);
    }
}
#endif

/* The context of each word of the base, which is the group of its high byte; how many groups there are. In
 * ascending order a group takes value after value until it has a 32nd of the words. */
EXPORT int mvc_contexts(const uint8_t *base, size_t count, int width, int ordered, uint8_t *contexts)
{
    uint32_t counts[256];
    uint8_t steps[MOST_TABLES + 4]; /* the highest value of each group but the last; 255 is above none */
    size_t groups = 0, members = 0, seen = 0;
    mvc_plane(base, count, width, 0, ordered, contexts);
    histogram(contexts, count, counts);
    memset(steps, 255, sizeof steps);
    for (unsigned value = 0; value < 255; value++) {
        members += counts[value];
        seen += counts[value];
        if (members * MOST_TABLES >= count && seen < count) {
            steps[groups++] = (uint8_t)value; /* at most 31 times, each for a 32nd of the words */
            members = 0;
        }
    }
#ifdef HAVE_AVX512
    if (has_avx512()) {
        rank_avx512(contexts, count, steps, groups);
        return (int)groups + 1;
    }
#endif
    rank(contexts, count, steps, groups);
    return (int)groups + 1;
}

/* ------------------------------------------------------------------ tables */

/* Frequencies of `each` tokens that sum up to PROBABILITY, at least 1 for each that comes. */
static void share_out(const uint32_t *counts, unsigned each, uint16_t *frequencies)
{
    uint64_t total = 0;
    int wrong = PROBABILITY;
    for (unsigned token = 0; token < each; token++)
        total += counts[token];
    for (unsigned token = 0; token < each; token++) {
        uint64_t number = counts[token];
        uint64_t share = number ? (number * PROBABILITY + total / 2) / total : 0;
        frequencies[token] = (uint16_t)(number && !share ? 1 : share);
        wrong -= frequencies[token];
    }
    while (wrong) { /* the difference to the most frequent one, as far as that leaves it anything */
        unsigned most = 0;
        for (unsigned token = 1; token < each; token++)
            most = frequencies[token] > frequencies[most] ? token : most;
        int change = wrong > 1 - frequencies[most] ? wrong : 1 - frequencies[most];
        frequencies[most] = (uint16_t)(frequencies[most] + change);
        wrong -= change;
    }
}

#define TURNS 4
#define SOME 256 /* words */

/* How often each token comes in each context, into the first of TURNS scratches for MOST_TABLES of 256. */
FAST static void count_both(const uint8_t *tokens, const uint8_t *contexts, size_t count, size_t number,
                            uint32_t *counts)
{
    /* Counts by turns, as in `count_each`: most words of a frame have one of a few tokens. */
    uint32_t *const b = counts + MOST_TABLES * 256, *const c = b + MOST_TABLES * 256,
                    *const d = c + MOST_TABLES * 256;
    for (size_t turn = 0; turn < TURNS; turn++)
        memset(counts + turn * MOST_TABLES * 256, 0, number * 256 * sizeof *counts);
    for (size_t at = 0; at < count; at += SOME) {
        size_t some = count - at < SOME ? count - at : SOME, i = 0;
        uint16_t places[SOME];
        for (size_t word = 0; word < some; word++)
            places[word] = (uint16_t)(PLACE_OF(contexts[at + word]) << 8 | tokens[at + word]);
        for (; i + TURNS <= some; i += TURNS) {
            counts[places[i]]++;
            b[places[i + 1]]++;
            c[places[i + 2]]++;
            d[places[i + 3]]++;
        }
        for (; i < some; i++)
            counts[places[i]]++;
    }
    for (size_t place = 0; place < number * 256; place++)
        counts[place] += b[place] + c[place] + d[place];
}

/* A table for each context, one behind the other, with frequencies of the tokens up to the highest one that has
 * any: how many these are. `tables` has room for 256 each, `counts` is the scratch of count_both. */
EXPORT int mvc_tables(const uint8_t *tokens, const uint8_t *contexts, size_t count, size_t number,
                      uint32_t *counts, uint16_t *tables)
{
    unsigned each = 1;
    count_both(tokens, contexts, count, number, counts);
    for (size_t place = 0; place < number * 256; place++)
        each = counts[place] && place % 256 >= each ? place % 256 + 1 : each;
    for (size_t table = 0; table < number; table++, tables += each)
        share_out(counts + table * 256, each, tables);
    return (int)each;
}
