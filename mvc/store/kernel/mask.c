/* The mask codec's loops: which words became zero, what a threshold predicts, and where it is wrong. Every function
 * does what its namesake in array_masker.py does, to the bit.
 */

#include "kernel.h"

#define BLOCK 256 /* words */
#define BUCKET_BITS 15
enum { AS_PREDICTED, OTHERWISE, OTHER_ZERO, LISTED };

/* Of a frame: zeros; other words that changed; zeros that were negative, of those that were none; and of these the
 * negative zeros; the highest magnitude of the base's words that became zero, and the lowest of the others. */
enum { ZEROS, CHANGED, NEGATIVE, NEGATIVE_ZEROS, HIGHEST, LOWEST_KEPT, FACTS };

/* `kept` is 0 or all bits. Where `keeps` is all bits, zeros have the sign of the base. */
#define PREDICTED(under, kept, keeps, top) ((under) & ((kept) | ((top) & (keeps))))

#define MASK(bits)                                                                                       \
    typedef uint##bits##_t word##bits;                                                                   \
    FAST static void survey##bits(const uint8_t *raw, const uint8_t *base, size_t count, uint64_t *facts) \
    {                                                                                                    \
        const word##bits rest = (word##bits)((word##bits)-1 >> 1);                                       \
        word##bits highest = 0, lowest = rest;                                                           \
        for (size_t at = 0; at < count; at += BLOCK) {                                                   \
            size_t some = count - at < BLOCK ? count - at : BLOCK;                                       \
            word##bits zeros = 0, changed = 0, negative = 0, signs = 0; /* at most BLOCK each */         \
            word##bits words[BLOCK], under[BLOCK];                                                       \
            memcpy(words, raw + at * sizeof *words, some * sizeof *words);                               \
            memcpy(under, base + at * sizeof *words, some * sizeof *words);                              \
            for (size_t i = 0; i < some; i++) {                                                          \
                word##bits word = words[i], old = under[i], size = (word##bits)(old & rest);             \
                word##bits zero = (word##bits)(0 - (word##bits)((word & rest) == 0));                    \
                word##bits pruned = (word##bits)(zero & (word##bits)(0 - (word##bits)(size != 0)));      \
                word##bits gone = (word##bits)(size & zero), left = (word##bits)(size | (zero & rest));  \
                highest = highest > gone ? highest : gone;                                               \
                lowest = lowest < left ? lowest : left;                                                  \
                zeros = (word##bits)(zeros + (zero & 1));                                                \
                changed = (word##bits)(changed + ((word##bits)(word != old) & (word##bits)~zero & 1));   \
                negative = (word##bits)(negative + (pruned & (old >> (bits - 1))));                      \
                signs = (word##bits)(signs + (pruned & (word >> (bits - 1))));                           \
            }                                                                                            \
            facts[ZEROS] += zeros;                                                                       \
            facts[CHANGED] += changed;                                                                   \
            facts[NEGATIVE] += negative;                                                                 \
            facts[NEGATIVE_ZEROS] += signs;                                                              \
        }                                                                                                \
        facts[HIGHEST] = highest;                                                                        \
        facts[LOWEST_KEPT] = lowest;                                                                     \
    }                                                                                                    \
    static void buckets##bits(const uint8_t *raw, const uint8_t *base, size_t count, uint32_t *buckets)  \
    {                                                                                                    \
        const word##bits rest = (word##bits)((word##bits)-1 >> 1);                                       \
        for (size_t i = 0; i < count; i++) {                                                             \
            word##bits word, old;                                                                        \
            memcpy(&word, raw + i * sizeof word, sizeof word);                                           \
            memcpy(&old, base + i * sizeof old, sizeof old);                                             \
            size_t bucket = (size_t)((word##bits)(old & rest) >> (bits - 1 - BUCKET_BITS));              \
            buckets[2 * bucket + ((word & rest) == 0)]++;                                                \
        }                                                                                                \
    }                                                                                                    \
    FAST static int64_t mask##bits(const uint8_t *raw, const uint8_t *base, size_t count,                \
                                   uint64_t threshold, int keeps, uint8_t *tokens, uint8_t *listed,      \
                                   size_t room)                                                          \
    {                                                                                                    \
        const word##bits rest = (word##bits)((word##bits)-1 >> 1), top = (word##bits)~rest;              \
        const word##bits most = (word##bits)(threshold < rest ? threshold : rest);                       \
        const word##bits sign = (word##bits)(keeps ? -1 : 0);                                            \
        size_t number = 0;                                                                               \
        for (size_t at = 0; at < count; at += BLOCK) {                                                   \
            size_t some = count - at < BLOCK ? count - at : BLOCK;                                       \
            word##bits words[BLOCK], under[BLOCK], found[BLOCK], rare = 0;                               \
            memcpy(words, raw + at * sizeof *words, some * sizeof *words);                               \
            memcpy(under, base + at * sizeof *words, some * sizeof *words);                              \
            for (size_t i = 0; i < some; i++) {                                                          \
                word##bits word = words[i], old = under[i];                                              \
                word##bits kept = (word##bits)(0 - (word##bits)((word##bits)(old & rest) > most));       \
                word##bits guess = (word##bits)PREDICTED(old, kept, sign, top);                          \
                word##bits other = (word##bits)(guess ^ old ^ (old & top & sign));                       \
                word##bits wrong = (word##bits)(0 - (word##bits)(word != guess));                        \
                word##bits zero = (word##bits)(word == (old & top & (word##bits)~sign));                 \
                word##bits token = (word##bits)(word == other ? OTHERWISE : LISTED - zero);              \
                found[i] = (word##bits)(token & wrong);                                                  \
                rare |= found[i];                                                                        \
            }                                                                                            \
            for (size_t i = 0; i < some; i++)                                                            \
                tokens[at + i] = (uint8_t)found[i];                                                      \
            for (size_t i = 0; rare > 1 && i < some; i++)                                                \
                if (found[i] == LISTED) {                                                                \
                    if (number == room)                                                                  \
                        return -1;                                                                       \
                    memcpy(listed + sizeof *words * number++, &words[i], sizeof *words);                 \
                }                                                                                        \
        }                                                                                                \
        return (int64_t)number;                                                                          \
    }                                                                                                    \
    FAST static int unmask##bits(const uint8_t *tokens, const uint8_t *base, size_t count,               \
                                 uint64_t threshold, int keeps, const uint8_t *listed, size_t number,    \
                                 uint8_t *out)                                                           \
    {                                                                                                    \
        const word##bits rest = (word##bits)((word##bits)-1 >> 1), top = (word##bits)~rest;              \
        const word##bits most = (word##bits)(threshold < rest ? threshold : rest);                       \
        const word##bits sign = (word##bits)(keeps ? -1 : 0);                                            \
        size_t taken = 0;                                                                                \
        for (size_t at = 0; at < count; at += BLOCK) {                                                   \
            size_t some = count - at < BLOCK ? count - at : BLOCK;                                       \
            word##bits words[BLOCK], under[BLOCK];                                                       \
            uint8_t highest = 0;                                                                         \
            memcpy(under, base + at * sizeof *under, some * sizeof *under);                              \
            for (size_t i = 0; i < some; i++) {                                                          \
                word##bits old = under[i], kept = (word##bits)(0 - (word##bits)((word##bits)(old & rest) > most)); \
                words[i] = (word##bits)PREDICTED(old, kept, sign, top);                                  \
                highest = highest > tokens[at + i] ? highest : tokens[at + i];                           \
            }                                                                                            \
            if (highest > LISTED)                                                                        \
                return 0;                                                                                \
            for (size_t i = 0; highest && i < some; i++)                                                 \
                switch (tokens[at + i]) {                                                                \
                case OTHERWISE: words[i] = (word##bits)(words[i] ^ under[i] ^ (under[i] & top & sign)); break; \
                case OTHER_ZERO: words[i] = (word##bits)(under[i] & top & (word##bits)~sign); break;     \
                case LISTED:                                                                             \
                    if (taken == number)                                                                 \
                        return 0;                                                                        \
                    memcpy(&words[i], listed + sizeof *words * taken++, sizeof *words);                  \
                }                                                                                        \
            memcpy(out + at * sizeof *words, words, some * sizeof *words);                               \
        }                                                                                                \
        return taken == number;                                                                          \
    }
MASK(16)
MASK(32)
MASK(64)

/* What a pruned frame is like; `facts` has room for FACTS. */
EXPORT void mvc_mask_survey(const uint8_t *raw, const uint8_t *base, size_t count, int width, uint64_t *facts)
{
    memset(facts, 0, FACTS * sizeof *facts);
    switch (width) {
    case 2: survey16(raw, base, count, facts); break;
    case 4: survey32(raw, base, count, facts); break;
    default: survey64(raw, base, count, facts); break;
    }
}

/* The threshold that makes the fewest mistakes, among those that end a bucket. `buckets` is scratch for two counts of
 * each. */
EXPORT uint64_t mvc_mask_threshold(const uint8_t *raw, const uint8_t *base, size_t count, int width,
                                   uint32_t *buckets)
{
    uint64_t best = 0;
    int64_t wrong = 0, least = INT64_MAX; /* less all zeros, which are above no threshold */
    memset(buckets, 0, ((size_t)2 << BUCKET_BITS) * sizeof *buckets);
    switch (width) {
    case 2: buckets16(raw, base, count, buckets); break;
    case 4: buckets32(raw, base, count, buckets); break;
    default: buckets64(raw, base, count, buckets); break;
    }
    for (uint64_t bucket = 0; bucket < (uint64_t)1 << BUCKET_BITS; bucket++) {
        wrong += (int64_t)buckets[2 * bucket] - (int64_t)buckets[2 * bucket + 1];
        best = wrong < least ? bucket : best;
        least = wrong < least ? wrong : least;
    }
    return ((best + 1) << (8 * width - 1 - BUCKET_BITS)) - 1;
}

/* A token for each word, and the words that are listed, of which there is `room` for so many; how many they are, or
 * -1 when they are more. */
EXPORT int64_t mvc_mask(const uint8_t *raw, const uint8_t *base, size_t count, int width, uint64_t threshold,
                        int keeps, uint8_t *tokens, uint8_t *listed, size_t room)
{
    switch (width) {
    case 2: return mask16(raw, base, count, threshold, keeps, tokens, listed, room);
    case 4: return mask32(raw, base, count, threshold, keeps, tokens, listed, room);
    default: return mask64(raw, base, count, threshold, keeps, tokens, listed, room);
    }
}

/* Inverse of mvc_mask; whether the tokens are those of a mask and list just so many words. */
EXPORT int mvc_unmask(const uint8_t *tokens, const uint8_t *base, size_t count, int width, uint64_t threshold,
                      int keeps, const uint8_t *listed, size_t number, uint8_t *out)
{
    switch (width) {
    case 2: return unmask16(tokens, base, count, threshold, keeps, listed, number, out);
    case 4: return unmask32(tokens, base, count, threshold, keeps, listed, number, out);
    default: return unmask64(tokens, base, count, threshold, keeps, listed, number, out);
    }
}
