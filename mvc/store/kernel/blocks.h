/* A block of differences as tokens and extra bits, and back, for each width of words: what delta.c does with a
 * frame.
 *
 * Each step is a plain loop over small arrays, which compilers turn into vector code; only where the bits of one
 * unit (as many words as fit 64 bits) follow those of the last is word by word.
 */

#ifndef MVC_BLOCKS_H
#define MVC_BLOCKS_H

#include "kernel.h"

#define DIRECT 16 /* values up to here are tokens themselves */
#define BLOCK 64  /* words */

/* ------------------------------------------------------------------ tokens of a block
 *
 * A value from DIRECT on is its highest bit and the two below it, as a token, and the `left` bits below those.
 * A float of the value begins with just these: its exponent, then the two highest bits of its mantissa.
 */

/* Choices by masks: GCC 12 makes branches of others, and no vectors then. */
#define ALL_IF(condition) (-(uint32_t)!!(condition))
#define TOP_OF(value, top) /* of a value below 2^24, that no rounding touches */                         \
    do {                                                                                                 \
        float as_float = (float)(int32_t)(value);                                                        \
        memcpy(&(top), &as_float, 4);                                                                    \
        (top) >>= 21;                                                                                    \
    } while (0)
#define TOP_OF_DIRECT ((127 + 4) * 4) /* what that is for DIRECT */

/* Words of up to 16 bits. */
INLINE void take_apart16(const uint16_t *restrict words, uint8_t *restrict tokens,
                         uint16_t *restrict extra, uint16_t *restrict left)
{
    for (size_t i = 0; i < BLOCK; i++) {
        uint32_t value = words[i], top;
        TOP_OF(value, top);
        uint32_t large = ALL_IF(value >= DIRECT), bits = (top / 4 - TOP_OF_DIRECT / 4 + 2) & large;
        tokens[i] = (uint8_t)((value & ~large) | ((top - TOP_OF_DIRECT + DIRECT) & large));
        extra[i] = (uint16_t)(value & (((uint32_t)1 << bits) - 1));
        left[i] = (uint16_t)bits;
    }
}

INLINE void take_apart32(const uint32_t *restrict words, uint8_t *restrict tokens,
                         uint32_t *restrict extra, uint32_t *restrict left)
{
    for (size_t i = 0; i < BLOCK; i++) {
        uint32_t value = words[i], wide = ALL_IF(value >> 24) & 8, top;
        TOP_OF(value >> wide, top);
        top += 4 * wide;
        uint32_t large = ALL_IF(value >= DIRECT), bits = (top / 4 - TOP_OF_DIRECT / 4 + 2) & large;
        tokens[i] = (uint8_t)((value & ~large) | ((top - TOP_OF_DIRECT + DIRECT) & large));
        extra[i] = value & (((uint32_t)1 << bits) - 1);
        left[i] = bits;
    }
}

INLINE void take_apart64(const uint64_t *restrict words, uint8_t *restrict tokens,
                         uint64_t *restrict extra, uint64_t *restrict left)
{
    for (size_t i = 0; i < BLOCK; i++) {
        uint64_t value = words[i];
        unsigned high = 63u - (unsigned)__builtin_clzll(value | 8);
        unsigned bits = value < DIRECT ? 0 : high - 2;
        tokens[i] = (uint8_t)(value < DIRECT ? value : DIRECT + (high - 4) * 4 + (value >> bits & 3));
        extra[i] = value & (((uint64_t)1 << bits) - 1);
        left[i] = bits;
    }
}

/* Pairs of 16-bit numbers to 32-bit ones, and of these to 64-bit ones: the bits of the second behind the `left`
 * bits of the first. The arrays lie in memory as pairs already. */
INLINE void pair_up16(const uint16_t *restrict extra, const uint16_t *restrict left,
                      uint32_t *restrict more, uint32_t *restrict together)
{
    for (size_t i = 0; i < BLOCK / 2; i++) {
        uint32_t both, bits;
        memcpy(&both, extra + 2 * i, 4);
        memcpy(&bits, left + 2 * i, 4);
        more[i] = (both & 0xffff) | (both >> 16) << (bits & 0xffff);
        together[i] = (bits & 0xffff) + (bits >> 16);
    }
}

INLINE void pair_up32(const uint32_t *restrict extra, const uint32_t *restrict left, size_t count,
                      uint64_t *restrict more, uint64_t *restrict together)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t both, bits;
        memcpy(&both, extra + 2 * i, 8);
        memcpy(&bits, left + 2 * i, 8);
        more[i] = (both & 0xffffffff) | (both >> 32) << (bits & 0xffffffff);
        together[i] = (bits & 0xffffffff) + (bits >> 32);
    }
}

/* Bits that are being written, from the lowest on; fewer than 8 of them are `held`. */
struct writer {
    uint8_t *out;
    uint64_t held;
    unsigned filled;
};

INLINE void put_units(struct writer *to, const uint64_t *units, const uint64_t *bits, size_t count, int wide)
{
    struct writer at = *to;
    for (size_t i = 0; i < count; i++) {
        at.held |= units[i] << at.filled;
        memcpy(at.out, &at.held, 8);
        at.filled += (unsigned)bits[i];
        if (wide && at.filled >= 64) {
            at.out += 8;
            at.filled -= 64;
            at.held = bits[i] > at.filled ? units[i] >> (bits[i] - at.filled) : 0;
            continue;
        }
        at.out += at.filled / 8;
        at.held >>= at.filled & ~7u;
        at.filled &= 7;
    }
    *to = at;
}

/* Writes what is held; how many bytes there are from `start` on. */
INLINE size_t finish(const struct writer *from, const uint8_t *start)
{
    memcpy(from->out, &from->held, 8);
    return (size_t)(from->out - start) + (from->filled + 7) / 8;
}

/* ------------------------------------------------------------------ and back */

/* What the tokens of words of up to 16 bits say: values without their extra bits, and how many these are. */
INLINE void tell_apart16(const uint8_t *restrict tokens, uint16_t *restrict values, uint16_t *restrict left)
{
    for (size_t i = 0; i < BLOCK; i++) {
        uint32_t token = tokens[i], large = ALL_IF(token >= DIRECT), bits = (token / 4 - 2) & large;
        values[i] = (uint16_t)((token & ~large) | ((4 | (token & 3)) << bits & large));
        left[i] = (uint16_t)bits;
    }
}

INLINE void tell_apart32(const uint8_t *restrict tokens, uint32_t *restrict values, uint32_t *restrict left)
{
    for (size_t i = 0; i < BLOCK; i++) {
        uint32_t token = tokens[i], large = ALL_IF(token >= DIRECT), bits = (token / 4 - 2) & large;
        values[i] = (token & ~large) | ((4 | (token & 3)) << bits & large);
        left[i] = bits;
    }
}

INLINE void tell_apart64(const uint8_t *restrict tokens, uint64_t *restrict values, uint64_t *restrict left)
{
    for (size_t i = 0; i < BLOCK; i++) {
        uint64_t token = tokens[i], large = -(uint64_t)(token >= DIRECT), bits = (token / 4 - 2) & large;
        values[i] = (token & ~large) | ((4 | (token & 3)) << bits & large);
        left[i] = bits;
    }
}

/* How many bits pairs of words have. */
INLINE void add_pairs16(const uint16_t *restrict left, uint32_t *restrict together)
{
    for (size_t i = 0; i < BLOCK / 2; i++) {
        uint32_t bits;
        memcpy(&bits, left + 2 * i, 4);
        together[i] = (bits & 0xffff) + (bits >> 16);
    }
}

INLINE void add_pairs32(const uint32_t *restrict left, size_t count, uint64_t *restrict together)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits;
        memcpy(&bits, left + 2 * i, 8);
        together[i] = (bits & 0xffffffff) + (bits >> 32);
    }
}

/* Inverse of pair_up: the two numbers of each pair; what lies above their bits is left in if `loose`. */
INLINE void part32(const uint64_t *restrict units, const uint32_t *restrict left, size_t count, int loose,
                   uint32_t *restrict parts)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t bits, both;
        memcpy(&bits, left + 2 * i, 8);
        uint64_t first = bits & 0xffffffff, second = bits >> 32;
        uint64_t low = units[i], high = units[i] >> first;
        if (!loose) {
            low &= ((uint64_t)1 << first) - 1;
            high &= ((uint64_t)1 << second) - 1;
        }
        both = (low & 0xffffffff) | high << 32;
        memcpy(parts + 2 * i, &both, 8);
    }
}

INLINE void part16(const uint32_t *restrict units, const uint16_t *restrict left, uint16_t *restrict parts)
{
    for (size_t i = 0; i < BLOCK / 2; i++) {
        uint32_t bits, both;
        memcpy(&bits, left + 2 * i, 4);
        uint32_t first = bits & 0xffff, second = bits >> 16;
        uint32_t low = units[i] & (((uint32_t)1 << first) - 1);
        uint32_t high = units[i] >> first & (((uint32_t)1 << second) - 1);
        both = low | high << 16;
        memcpy(parts + 2 * i, &both, 4);
    }
}

/* Bits that are being read: `position` of them were, of `end`. Up to MARGIN bytes behind the last are touched. */
struct reader {
    const uint8_t *data;
    size_t position, end;
};

/* Whether all was read but the last byte's bits. */
INLINE int ended(const struct reader *from) { return from->end - from->position < 8; }

/* Units of so many `bits`, with anything above them; 0 when there are not as many. */
INLINE int take_units(struct reader *from, const uint64_t *bits, size_t count, int wide, uint64_t *units)
{
    size_t position = from->position, all = 0;
    for (size_t i = 0; i < count; i++)
        all += bits[i];
    if (all > from->end - position)
        return 0;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *at = from->data + position / 8;
        unsigned skip = position % 8;
        memcpy(&units[i], at, 8);
        units[i] >>= skip;
        if (wide && skip + bits[i] > 64)
            units[i] |= (uint64_t)at[8] << (64 - skip);
        position += bits[i];
    }
    from->position = position;
    return 1;
}

/* ------------------------------------------------------------------ a block of each width */

struct narrow { /* words of 8 and of 16 bits */
    uint16_t words[BLOCK], extra[BLOCK], left[BLOCK];
    uint32_t more[BLOCK / 2], together[BLOCK / 2];
    uint64_t units[BLOCK / 4], bits[BLOCK / 4];
};

INLINE void put16(const uint16_t *words, uint8_t *tokens, struct writer *to)
{
    struct narrow at;
    take_apart16(words, tokens, at.extra, at.left);
    pair_up16(at.extra, at.left, at.more, at.together);
    pair_up32(at.more, at.together, BLOCK / 4, at.units, at.bits);
    put_units(to, at.units, at.bits, BLOCK / 4, 0);
}

INLINE int get16(const uint8_t *tokens, struct reader *from, uint16_t *words)
{
    struct narrow at;
    tell_apart16(tokens, words, at.left);
    add_pairs16(at.left, at.together);
    add_pairs32(at.together, BLOCK / 4, at.bits);
    if (!take_units(from, at.bits, BLOCK / 4, 0, at.units))
        return 0;
    part32(at.units, at.together, BLOCK / 4, 1, at.more);
    part16(at.more, at.left, at.extra);
    for (size_t i = 0; i < BLOCK; i++)
        words[i] |= at.extra[i];
    return 1;
}

INLINE void put8(const uint8_t *words, uint8_t *tokens, struct writer *to)
{
    uint16_t wider[BLOCK];
    for (size_t i = 0; i < BLOCK; i++)
        wider[i] = words[i];
    put16(wider, tokens, to);
}

INLINE int get8(const uint8_t *tokens, struct reader *from, uint8_t *words)
{
    uint16_t wider[BLOCK];
    int enough = get16(tokens, from, wider);
    for (size_t i = 0; enough && i < BLOCK; i++)
        words[i] = (uint8_t)wider[i];
    return enough;
}

INLINE void put32(const uint32_t *words, uint8_t *tokens, struct writer *to)
{
    uint32_t extra[BLOCK], left[BLOCK];
    uint64_t units[BLOCK / 2], bits[BLOCK / 2];
    take_apart32(words, tokens, extra, left);
    pair_up32(extra, left, BLOCK / 2, units, bits);
    put_units(to, units, bits, BLOCK / 2, 1);
}

INLINE int get32(const uint8_t *tokens, struct reader *from, uint32_t *words)
{
    uint32_t extra[BLOCK], left[BLOCK];
    uint64_t units[BLOCK / 2], bits[BLOCK / 2];
    tell_apart32(tokens, words, left);
    add_pairs32(left, BLOCK / 2, bits);
    if (!take_units(from, bits, BLOCK / 2, 1, units))
        return 0;
    part32(units, left, BLOCK / 2, 0, extra);
    for (size_t i = 0; i < BLOCK; i++)
        words[i] |= extra[i];
    return 1;
}

INLINE void put64(const uint64_t *words, uint8_t *tokens, struct writer *to)
{
    uint64_t extra[BLOCK], left[BLOCK];
    take_apart64(words, tokens, extra, left);
    put_units(to, extra, left, BLOCK, 1);
}

INLINE int get64(const uint8_t *tokens, struct reader *from, uint64_t *words)
{
    uint64_t units[BLOCK], left[BLOCK];
    tell_apart64(tokens, words, left);
    if (!take_units(from, left, BLOCK, 1, units))
        return 0;
    for (size_t i = 0; i < BLOCK; i++)
        words[i] |= units[i] & (((uint64_t)1 << left[i]) - 1);
    return 1;
}

#endif
