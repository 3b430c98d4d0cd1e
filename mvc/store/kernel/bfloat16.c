/* Numbers to compute with from BF16 and back, and the passes over float32 that merges take most.
 *
 * Source: mvc/merge/strategies/numbers.py and measures.py, which do the same in NumPy, bit for bit. Rounding is to
 * nearest even; a NaN stays one, quiet and with its sign.
 */

#include "kernel.h"

#define CHUNK 2048 /* elements of which all that is computed stays in the first cache */

FAST EXPORT void mvc_widen(const uint8_t *restrict raw, size_t count, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, raw + 2 * i, 2);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(out + 4 * i, &bits, 4);
    }
}

FAST EXPORT void mvc_narrow(const uint8_t *restrict values, size_t count, uint8_t *restrict out)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, values + 4 * i, 4);
        uint32_t rounded = (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
        uint32_t quiet = bits >> 16 | 0x7fc0u;
        uint16_t half = (uint16_t)((bits & 0x7fffffffu) > 0x7f800000u ? quiet : rounded);
        memcpy(out + 2 * i, &half, 2);
    }
}

/* The sum of weight times model, from the first on, each product and each sum rounded. */
FAST EXPORT void mvc_weighted_sum(const uint8_t *const *models, const float *weights, size_t number, size_t count,
                                  uint8_t *out)
{
    float total[CHUNK], values[CHUNK];
    for (size_t start = 0; start < count; start += CHUNK) {
        size_t here = count - start < CHUNK ? count - start : CHUNK;
        memset(total, 0, sizeof total);
        for (size_t model = 0; model < number; model++) {
            memcpy(values, models[model] + 4 * start, 4 * here);
            for (size_t i = 0; i < here; i++) {
                float part = values[i] * weights[model];
                total[i] = total[i] + part;
            }
        }
        memcpy(out + 4 * start, total, 4 * here);
    }
}

/* Put into `out` what all models have to the bit. */
FAST EXPORT void mvc_keep_equal(const uint8_t *const *models, size_t number, size_t count, uint8_t *out)
{
    uint32_t first[CHUNK], other[CHUNK], apart[CHUNK], result[CHUNK];
    for (size_t start = 0; start < count; start += CHUNK) {
        size_t here = count - start < CHUNK ? count - start : CHUNK;
        memcpy(first, models[0] + 4 * start, 4 * here);
        memcpy(result, out + 4 * start, 4 * here);
        memset(apart, 0, sizeof apart);
        for (size_t model = 1; model < number; model++) {
            memcpy(other, models[model] + 4 * start, 4 * here);
            for (size_t i = 0; i < here; i++)
                apart[i] |= first[i] ^ other[i];
        }
        for (size_t i = 0; i < here; i++)
            result[i] = apart[i] ? result[i] : first[i];
        memcpy(out + 4 * start, result, 4 * here);
    }
}
