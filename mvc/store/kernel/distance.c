/* How far the numbers of one buffer are from those of another: the sums that a numeric difference needs.
 *
 * Source: mvc/diff/wide.py, which computes the same in NumPy. Sums of squares are added up in eight lanes of
 * float64, so that their last bits depend on no processor.
 */

#include "kernel.h"

#define LANES 8
#define CHUNK 512 /* elements of which all that is computed stays in the first cache */
#define EXPONENT 0x7f800000u

struct sums {
    double old_square, new_square, product, difference_square, max_abs;
    uint64_t changed, max_ulp;
};

/* Bits of float32 as integers in the order of the numbers; both zeros are 0. */
INLINE int32_t ordered(uint32_t bits)
{
    int32_t magnitude = (int32_t)(bits & 0x7fffffffu);
    return bits >> 31 ? -magnitude : magnitude;
}

/* One chunk, padded with zeros; `shift`: what the dtype lacks of the bits of a float32. 0 where a number is
 * not finite. */
INLINE int chunk(const uint32_t *restrict old, const uint32_t *restrict new, unsigned shift, struct sums *all)
{
    uint32_t infinite = 0, changed = 0, most = 0;
    for (int i = 0; i < CHUNK; i++) {
        infinite |= ((old[i] & EXPONENT) == EXPONENT) | ((new[i] & EXPONENT) == EXPONENT);
        changed += old[i] != new[i];
        int32_t a = ordered(old[i]), b = ordered(new[i]);
        uint32_t apart = a > b ? (uint32_t)a - (uint32_t)b : (uint32_t)b - (uint32_t)a;
        most = apart > most ? apart : most;
    }
    if (infinite)
        return 0;
    double x[LANES] = {0}, y[LANES] = {0}, xy[LANES] = {0}, z[LANES] = {0}, largest[LANES] = {0};
    for (int i = 0; i < CHUNK; i += LANES)
        for (int j = 0; j < LANES; j++) {
            float first, second;
            memcpy(&first, old + i + j, sizeof first);
            memcpy(&second, new + i + j, sizeof second);
            double a = first, b = second, d = b - a, size = d < 0 ? -d : d;
            x[j] += a * a;
            y[j] += b * b;
            xy[j] += a * b;
            z[j] += d * d;
            largest[j] = size > largest[j] ? size : largest[j];
        }
    for (int j = 0; j < LANES; j++) {
        all->old_square += x[j];
        all->new_square += y[j];
        all->product += xy[j];
        all->difference_square += z[j];
        all->max_abs = largest[j] > all->max_abs ? largest[j] : all->max_abs;
    }
    most >>= shift;
    all->max_ulp = most > all->max_ulp ? most : all->max_ulp;
    all->changed += changed;
    return 1;
}

/* Elements of 2 bytes are the upper halves of float32 (BF16), of 4 bytes float32. 0 where a number is NaN or
 * infinite: nothing is said then. */
FAST EXPORT int mvc_distance(const uint8_t *old, const uint8_t *new, size_t count, int width, struct sums *all)
{
    uint32_t a[CHUNK], b[CHUNK];
    unsigned shift = width == 2 ? 16 : 0;
    memset(all, 0, sizeof *all);
    for (size_t start = 0; start < count; start += CHUNK) {
        size_t here = count - start < CHUNK ? count - start : CHUNK;
        if (here < CHUNK) {
            memset(a, 0, sizeof a);
            memset(b, 0, sizeof b);
        }
        if (width == 2) {
            for (size_t i = 0; i < here; i++) {
                uint16_t x, y;
                memcpy(&x, old + 2 * (start + i), 2);
                memcpy(&y, new + 2 * (start + i), 2);
                a[i] = (uint32_t)x << 16;
                b[i] = (uint32_t)y << 16;
            }
        } else {
            memcpy(a, old + 4 * start, 4 * here);
            memcpy(b, new + 4 * start, 4 * here);
        }
        if (!chunk(a, b, shift, all))
            return 0;
    }
    return 1;
}
