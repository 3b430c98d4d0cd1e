/* What the sources of the kernel share. Words are little-endian; on another machine this is not built. */

#ifndef MVC_KERNEL_H
#define MVC_KERNEL_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(_WIN32)
#define EXPORT __declspec(dllexport)
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* One source, compiled for what every x86-64 has and for AVX2; the loader picks at run time. Tests say
 * MVC_PORTABLE, to see what other machines run. */
#if defined(__x86_64__) && defined(__GNUC__) && defined(__linux__) && !defined(MVC_PORTABLE)
#define FAST __attribute__((target_clones("avx2", "default")))
#else
#define FAST
#endif

/* Functions written for AVX2 and for AVX-512, chosen at run time. Tests say MVC_WITHOUT_AVX512, to see what
 * machines without it run. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(MVC_PORTABLE)
#define HAVE_AVX2
#define WITH_AVX2 __attribute__((target("avx2")))
#include <immintrin.h>
#if (defined(__clang__) || __GNUC__ >= 9) && !defined(MVC_WITHOUT_AVX512)
#define HAVE_AVX512
#define WITH_AVX512 __attribute__((target("avx512f,avx512bw,avx512cd,avx512vl,avx512vbmi,avx512vbmi2")))

/* Whether this processor has all of WITH_AVX512: Intel's since Ice Lake, AMD's since Zen 4. */
static inline int has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2");
}
#endif
#endif

/* Part of a function that is FAST, and so compiled for what that is. */
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif

#define PROBABILITY_BITS 12
#define PROBABILITY (1u << PROBABILITY_BITS) /* what the frequencies of a table sum up to */
#define MOST_TABLES 32
/* A context's place among tables: whatever it is, within scratch for MOST_TABLES. */
#define PLACE_OF(context) ((size_t)(context) & (MOST_TABLES - 1))

void mvc_plane(const uint8_t *raw, size_t count, int width, int number, int rotated, uint8_t *out);

#endif
