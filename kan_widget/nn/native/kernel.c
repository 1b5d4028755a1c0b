/* One layer of splines, forward and backward, without its dense basis.
 *
 * A point lies in one span, where k + 1 bases are not zero. So of every input the points of a block are first put in
 * order of their spans: within a span knots and weights are constants, k + 2 rows of weights stay in registers, and
 * points are summed into rows of targets. Every sum runs in an order that depends on shapes alone, not on threads.
 *
 * Arrays as in spline.py: points (in, batch), knots (count, in), results (out, batch). Weights are packed for some
 * inputs at a time, into panels of targets, (inputs, bases + 1, PANEL) each, the last one narrower; the row after the
 * bases is that of the base function.
 *
 * This file includes itself, once for each of float and double.
 */
#ifndef REAL

#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__AVX512F__) && defined(__AVX512VL__)
#include <immintrin.h>
#define WIDE 1 /* registers that serve as tables, and that can be closed up */
#else
#define WIDE 0
#endif

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("GCC unroll 8")
#define UNROLL_LANES _Pragma("GCC unroll 16")
/* What works on the memory of its caller is kept whole: GCC 12 has been seen to leave out calls of it. */
#if defined(__clang__)
#define WHOLE static __attribute__((noinline))
#else
#define WHOLE static __attribute__((noipa))
#endif
/* Points of a block: their rows of one panel stay in the first cache. */
#define BLOCK 256
/* And where several threads share few. */
#define LEAST_BLOCK 64
/* Inputs whose values are held at a time. */
#define GROUP 8
/* Points that are measured at a time, and what the inputs are dealt out in, each with sums of its own. */
#define CHUNK (4 * BLOCK)
#define SHARES 8
/* Inputs whose packed weights are held at a time: as many as fit half of the second cache, within limits. */
#define MOST_INPUTS 32
#define PACKED_BYTES (1 << 17)
#define MAX_DEGREE 15
/* Knots that are compared one by one; more are searched. */
#define FEW_KNOTS 24
#define MAX_THREADS 64
/* Spans and bases that a table in registers holds. */
#define ENTRIES 16
/* Call what knows the degree when it is compiled, of those that have tables. */
#define BY_DEGREE(degree, call)                                                                                        \
    switch (degree) {                                                                                                  \
    case 3: { call(3); break; }                                                                                        \
    case 2: { call(2); break; }                                                                                        \
    default: { call(1); }                                                                                              \
    }

enum { SILU, IDENTITY, ZERO };
enum { DONE, NO_MEMORY };

/* ---- threads ---- */

typedef void (*work_t)(void *job, int64_t start, int64_t stop);
typedef struct {
    work_t work;
    void *job;
    int64_t start, stop;
} share_t;

static void *run_share(void *argument) {
    share_t *share = argument;
    share->work(share->job, share->start, share->stop);
    return NULL;
}

/* Split 0..n over threads that end with this call, so that a fork finds none. What cannot be started is done here. */
static void in_parallel(work_t work, void *job, int64_t n, int64_t threads) {
    share_t shares[MAX_THREADS];
    pthread_t started[MAX_THREADS];
    int running[MAX_THREADS];
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    if (threads > n) threads = n > 0 ? n : 1;
    for (int i = 0; i < threads; i++) shares[i] = (share_t){work, job, n * i / threads, n * (i + 1) / threads};
    for (int i = 1; i < threads; i++) running[i] = !pthread_create(&started[i], NULL, run_share, &shares[i]);
    run_share(&shares[0]);
    for (int i = 1; i < threads; i++)
        if (running[i]) pthread_join(started[i], NULL);
        else run_share(&shares[i]);
}

/* Which of n flags are not zero, in order. Gives their number, or -1 where there are more than `most`. */
static int64_t find_on(const uint8_t *flags, int64_t n, int32_t *found, int64_t most) {
    int64_t total = 0;
    for (int64_t start = 0; start < n; start += 8) {
        uint64_t eight = 0;
        if (n - start >= 8) memcpy(&eight, flags + start, 8);
        else memcpy(&eight, flags + start, n - start);
        for (; eight; total++) {
            const int at = __builtin_ctzll(eight) / 8;
            if (total == most) return -1;
            found[total] = (int32_t)(start + at);
            eight &= ~((uint64_t)255 << 8 * at);
        }
    }
    return total;
}

static void *aligned(size_t bytes) {
    void *memory;
    return posix_memalign(&memory, 64, bytes + 64) ? NULL : memory;
}

#define NAME_(name, suffix) name##_##suffix
#define NAME__(name, suffix) NAME_(name, suffix)
#define NAME(name) NAME__(name, SUFFIX)

#define REAL float
#define INTEGER int32_t
#define NATURAL uint32_t
#define SUFFIX f32
#define IS_FLOAT 1
#include "kernel.c"
#undef REAL
#undef INTEGER
#undef NATURAL
#undef SUFFIX
#undef IS_FLOAT

#define REAL double
#define INTEGER int64_t
#define NATURAL uint64_t
#define SUFFIX f64
#define IS_FLOAT 0
#include "kernel.c"

#else /* ---- for one REAL ---- */

#define LANES ((int)(VECTOR_BYTES / sizeof(REAL)))
#define PANEL (2 * LANES)
#define ROWS (MAX_DEGREE + 2)
#define V NAME(vector)
#define W NAME(integers)
#define N NAME(naturals)
#define U NAME(unaligned)

typedef REAL V __attribute__((vector_size(VECTOR_BYTES)));
typedef INTEGER W __attribute__((vector_size(VECTOR_BYTES)));
typedef NATURAL N __attribute__((vector_size(VECTOR_BYTES)));
typedef REAL U __attribute__((vector_size(VECTOR_BYTES), aligned(sizeof(REAL)), may_alias));

INLINE V NAME(load)(const REAL *from) { return *(const U *)from; }
INLINE void NAME(store)(REAL *to, V value) { *(U *)to = value; }
INLINE V NAME(splat)(REAL value) { return value - (V){0}; }
INLINE V NAME(choose)(W where, V yes, V no) { return (V)(((W)yes & where) | ((W)no & ~where)); }

/* ---- a layer ---- */

/* What Python hands over, field for field as in kernel.py; the last nine are ours. What is not wanted is NULL. */
#define LAYER NAME(layer)
typedef struct {
    const REAL *coef;                        /* (out, in, bases), with the strides below */
    const REAL *scale_spline;                /* (out, in); 1 where NULL */
    const REAL *scale_base;                  /* (out, in), with the strides below */
    const uint8_t *mask;                     /* (out, in); all are on where NULL */
    const REAL *bias;                        /* (out,); 0 where NULL */
    const REAL *fill;                        /* (out, in); 0 where NULL */
    const REAL *knots;                       /* (count, in) */
    const REAL *x;                           /* (in, batch), with the strides below, one of which is 1 */
    REAL *y;                                 /* (out, batch) */
    const REAL *grad;                        /* of y, and then of the others, contiguous */
    REAL *grad_x, *grad_coef, *grad_spline, *grad_base;
    double *moments;                         /* (3, out, in): mean, mean absolute value, standard deviation */
    int64_t coef_out, coef_in, coef_basis, base_out, base_in, x_in, x_row;
    int64_t n_in, n_out, batch, count, k, base, threads;
    int64_t block;    /* points of a block */
    int64_t first;    /* point of a chunk */
    int64_t shares;   /* of the inputs */
    REAL *sums;       /* of edges: rows of targets for each share, in panels (CHUNK, width) */
    REAL *offset;     /* (out,) */
    REAL *weight;     /* packed, where several blocks want it */
    REAL *grad_rows;  /* rows of targets, in panels (batch, width) */
    const void *live; /* the edges that are on, where they are few */
    int64_t failed;
} LAYER;

INLINE int64_t NAME(padded)(int64_t n_out) { return (n_out + LANES - 1) / LANES * LANES; }
INLINE int NAME(width)(int64_t padded, int64_t start) { return padded - start < PANEL ? (int)(padded - start) : PANEL; }

/* ---- the base function ---- */

/* 1 / (1 + exp(-x)), 0 where exp would overflow. */
INLINE V NAME(sigmoid)(V x) {
    const REAL limit = IS_FLOAT ? 87 : 708;
    V z = NAME(choose)((W)(x < -limit), NAME(splat)(limit), NAME(choose)((W)(x > limit), NAME(splat)(-limit), -x));
    const REAL magic = IS_FLOAT ? (REAL)12582912.0 : (REAL)6755399441055744.0; /* 1.5 * 2^23 and 2^52: rounds */
    V shifted = z * (REAL)1.4426950408889634 + magic, n = shifted - magic;
    V r = z - n * (IS_FLOAT ? (REAL)0.693359375 : (REAL)0.693147180369123816490);
    r = r - n * (IS_FLOAT ? (REAL)-2.12194440e-4 : (REAL)1.90821492927058770002e-10);
    static const REAL c[] = {1. / 6227020800, 1. / 479001600, 1. / 39916800, 1. / 3628800, 1. / 362880, 1. / 40320,
                             1. / 5040,       1. / 720,       1. / 120,      1. / 24,      1. / 6,      1. / 2};
    V p = NAME(splat)(c[IS_FLOAT ? 6 : 0]);
    UNROLL for (int i = IS_FLOAT ? 7 : 1; i < 12; i++) p = p * r + c[i];
    p = p * r + 1;
    p = p * r + 1;
    N power = ((N)shifted - (N)NAME(splat)(magic)) << (IS_FLOAT ? 23 : 52);
    V d = 1 + (V)((N)p + power);
#if WIDE && IS_FLOAT /* a guess and a step of Newton's take a quarter of the time of a division */
    V guess = (V)_mm512_rcp14_ps((__m512)d), s = guess + guess * (1 - d * guess);
#else
    V s = 1 / d;
#endif
    return NAME(choose)((W)(x < -limit), NAME(splat)(0), s);
}

/* The base function of n points, and its slope where that is asked for. */
INLINE void NAME(base_values)(int base, const REAL *x, int n, REAL *values, REAL *slopes) {
    for (int q = 0; q < n; q += LANES) {
        V v = NAME(load)(x + q), s;
        if (base == SILU) {
            s = NAME(sigmoid)(v);
            NAME(store)(values + q, v * s);
            if (slopes) NAME(store)(slopes + q, s + s * v * (1 - s));
        } else { /* nan stays nan, as in the splines of the definition */
            V zero = NAME(choose)((W)(v == v), NAME(splat)(0), v);
            NAME(store)(values + q, base == IDENTITY ? v : zero);
            if (slopes) NAME(store)(slopes + q, base == IDENTITY ? zero + 1 : zero);
        }
    }
}

/* ---- the points of one input in order of their spans ---- */

#define POINTS NAME(points)
typedef struct {
    REAL x[BLOCK + 64];
    REAL values[ROWS][BLOCK + 64]; /* of the k + 1 bases of the point's span, and of the base function */
    REAL slopes[ROWS][BLOCK + 64];
    int32_t place[BLOCK + 64]; /* where the point was */
    int32_t *starts;           /* (count + 1,): where each span starts; the first holds what lies outside */
} POINTS;

#if WIDE
#if IS_FLOAT
#define MASK __mmask16
#define COMPARE _mm512_cmp_ps_mask
#define AND_COMPARE _mm512_mask_cmp_ps_mask
#define LOAD_SOME _mm512_maskz_loadu_ps
#define STORE_SOME _mm512_mask_storeu_ps
#define PICK(one, at, other) ((V)_mm512_permutex2var_ps((__m512)(one), (__m512i)(at), (__m512)(other)))
#define MOVE_SOME _mm512_maskz_mov_ps
#define COMPRESS _mm512_maskz_compress_ps
#define MINIMUM _mm512_mask_min_ps
#define MAXIMUM _mm512_mask_max_ps
#define LOWEST _mm512_reduce_min_ps
#define HIGHEST _mm512_reduce_max_ps
#define STORE _mm512_storeu_ps
#define SPLAT _mm512_set1_ps
#define COMPRESS_PLACES(mask, first)                                                                                   \
    _mm512_storeu_si512(to, _mm512_maskz_compress_epi32(mask, _mm512_add_epi32(_mm512_set1_epi32(first),               \
                            _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15))))
#else
#define MASK __mmask8
#define COMPARE _mm512_cmp_pd_mask
#define AND_COMPARE _mm512_mask_cmp_pd_mask
#define LOAD_SOME _mm512_maskz_loadu_pd
#define STORE_SOME _mm512_mask_storeu_pd
#define PICK(one, at, other) ((V)_mm512_permutex2var_pd((__m512d)(one), (__m512i)(at), (__m512d)(other)))
#define MOVE_SOME _mm512_maskz_mov_pd
#define COMPRESS _mm512_maskz_compress_pd
#define MINIMUM _mm512_mask_min_pd
#define MAXIMUM _mm512_mask_max_pd
#define LOWEST _mm512_reduce_min_pd
#define HIGHEST _mm512_reduce_max_pd
#define STORE _mm512_storeu_pd
#define SPLAT _mm512_set1_pd
#define COMPRESS_PLACES(mask, first)                                                                                   \
    _mm256_storeu_si256((__m256i *)to, _mm256_maskz_compress_epi32(mask, _mm256_add_epi32(_mm256_set1_epi32(first),    \
                                           _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7))))
#endif
#define FIRST(n) ((MASK)((n) >= LANES ? -1 : (1 << (n)) - 1))

/* For each span, gather its points: as many passes as spans, each without a branch. */
WHOLE void NAME(sort_few)(const REAL *x, int n, const REAL *knots, int64_t step, int count, POINTS *p) {
    int at = 0;
    __auto_type low = SPLAT(knots[(count - 1) * step]); /* nan does not get in */
    __auto_type high = SPLAT(knots[0]);
    for (int q = 0; q < n; q += LANES) {
        MASK there = FIRST(n - q);
        __auto_type v = LOAD_SOME(there, x + q);
        low = MINIMUM(low, there, v, low);
        high = MAXIMUM(high, there, v, high);
    }
    const REAL lowest = LOWEST(low), highest = HIGHEST(high);
    for (int span = 0; span < count; span++) {
        p->starts[span] = at;
        if (span && (knots[span * step] <= lowest || knots[(span - 1) * step] > highest)) continue;
        for (int q = 0; q < n; q += LANES) {
            MASK there = FIRST(n - q);
            __auto_type v = LOAD_SOME(there, x + q);
            MASK in;
            if (span) {
                in = AND_COMPARE(there, v, SPLAT(knots[(span - 1) * step]), _CMP_GE_OQ);
                in = AND_COMPARE(in, v, SPLAT(knots[span * step]), _CMP_LT_OQ);
            } else {
                in = AND_COMPARE(there, v, SPLAT(knots[0]), _CMP_GE_OQ);
                in = there & (MASK)~AND_COMPARE(in, v, SPLAT(knots[(count - 1) * step]), _CMP_LT_OQ);
            }
            int32_t *to = p->place + at;
            COMPRESS_PLACES(in, q);
            STORE(p->x + at, COMPRESS(in, v));
            at += __builtin_popcount(in);
            at = at < BLOCK ? at : BLOCK; /* among knots in no order a point can be in several spans */
        }
    }
    p->starts[count] = at;
}
#endif

/* How many knots are at or below each point, and 0 where all are. */
static void NAME(spans)(const REAL *x, int n, const REAL *knots, int64_t step, int count, int32_t *span) {
    if (count <= FEW_KNOTS) {
        memset(span, 0, n * sizeof *span);
        for (int j = 0; j < count; j++) {
            const REAL knot = knots[j * step];
            for (int q = 0; q < n; q++) span[q] += x[q] >= knot;
        }
        for (int q = 0; q < n; q++) span[q] = span[q] == count ? 0 : span[q];
        return;
    }
    int top = 1;
    while (2 * top <= count) top *= 2;
    for (int q = 0; q < n; q++) {
        int at = 0;
        for (int jump = top; jump; jump /= 2) {
            int next = at + jump <= count ? at + jump : count;
            at = x[q] >= knots[(next - 1) * step] ? next : at;
        }
        span[q] = at == count ? 0 : at;
    }
}

WHOLE void NAME(sort_many)(const REAL *x, int n, const REAL *knots, int64_t step, int count, POINTS *p) {
    int32_t span[BLOCK + 64];
    NAME(spans)(x, n, knots, step, count, span);
    int32_t *starts = p->starts;
    memset(starts, 0, (count + 1) * sizeof *starts);
    for (int q = 0; q < n; q++) starts[span[q] + 1]++;
    for (int s = 0; s < count; s++) starts[s + 1] += starts[s];
    for (int q = 0; q < n; q++) {
        int to = starts[span[q]]++;
        p->place[to] = q;
        p->x[to] = x[q];
    }
    memmove(starts + 1, starts, count * sizeof *starts);
    starts[0] = 0;
}

/* ---- the bases that are not zero on a span ---- */

/* De Boor's recursion for the points of a span from t[0] to t[1], with inverse[d][m] = 1 / (t[m + d] - t[m]). */
INLINE void NAME(bases)(const int k, const REAL *t, REAL *const *inverse, int start, int stop, POINTS *p, int slopes) {
    for (int q = start; q < stop; q += LANES) {
        V x = NAME(load)(p->x + q), value[MAX_DEGREE + 1] = {NAME(splat)(1)}, share = {0};
        UNROLL for (int d = 1; d <= k; d++) {
            V saved = {0}, before = {0};
            UNROLL for (int r = 0; r < d; r++) {
                share = value[r] * inverse[d][1 - d + r];
                value[r] = saved + (t[r + 1] - x) * share;
                saved = (x - t[1 - d + r]) * share;
                if (slopes && d == k) NAME(store)(p->slopes[r] + q, (before - share) * (REAL)k);
                before = share;
            }
            value[d] = saved;
        }
        if (slopes) NAME(store)(p->slopes[k] + q, share * (REAL)k);
        UNROLL for (int r = 0; r <= k; r++) NAME(store)(p->values[r] + q, value[r]);
    }
}

WHOLE void NAME(any_bases)(int k, const REAL *t, REAL *const *inverse, int start, int stop, POINTS *p, int slopes) {
    NAME(bases)(k, t, inverse, start, stop, p, slopes);
}

/* Knots of an input with k more on either side, whose values do not matter, and what de Boor divides by. */
#define PREPARED NAME(prepared)
typedef struct {
    REAL *knots; /* (count + 2k,) */
    REAL *inverse[MAX_DEGREE + 1];
} PREPARED;

static void NAME(extend)(REAL *to, const REAL *knots, int64_t step, int count, int k) {
    for (int j = 0; j < count; j++) to[k + j] = knots[j * step];
    REAL *t = to + k, low = t[1] - t[0], high = t[count - 1] - t[count - 2];
    for (int j = 1; j <= k; j++) t[-j] = t[1 - j] - low, t[count - 1 + j] = t[count - 2 + j] + high;
}

static void NAME(prepare)(PREPARED *to, const REAL *knots, int64_t step, int count, int k) {
    NAME(extend)(to->knots, knots, step, count, k);
    for (int d = 1; d <= k; d++) /* what a vector has too many is written over by the next degree */
        for (int m = 0; m < count + 2 * k - d; m += LANES) {
            const REAL *t = to->knots + m;
            NAME(store)(to->inverse[d] + m, 1 / (NAME(load)(t + d) - NAME(load)(t)));
        }
}

/* Put points of an input in order, and evaluate the bases there, and their slopes if asked to. */
WHOLE void NAME(fill)(const LAYER *l, int64_t input, const REAL *x, int n, PREPARED *prepared, POINTS *p, int slopes) {
    const int k = (int)l->k, count = (int)l->count;
    const REAL *knots = l->knots + input;
#if WIDE
    if (count <= FEW_KNOTS) NAME(sort_few)(x, n, knots, l->n_in, count, p);
    else
#endif
        NAME(sort_many)(x, n, knots, l->n_in, count, p);
    NAME(base_values)((int)l->base, p->x, n, p->values[k + 1], slopes ? p->slopes[k + 1] : NULL);
    NAME(prepare)(prepared, knots, l->n_in, count, k);
    for (int span = 1; span < count; span++) {
        const int start = p->starts[span], stop = p->starts[span + 1];
        if (start == stop) continue;
        const REAL *t = prepared->knots + k + span - 1;
        REAL *inverse[MAX_DEGREE + 1];
        for (int d = 1; d <= k; d++) inverse[d] = prepared->inverse[d] + k + span - 1;
        if (k == 3) NAME(bases)(3, t, inverse, start, stop, p, slopes);
        else if (k == 2) NAME(bases)(2, t, inverse, start, stop, p, slopes);
        else NAME(any_bases)(k, t, inverse, start, stop, p, slopes);
    }
}

/* The rows that act on a span: which they are of the weights and of the values. The base function comes last. */
INLINE int NAME(rows)(const LAYER *l, int span, int *of_weights, int *of_values) {
    const int bases = (int)(l->count - l->k - 1);
    int n = 0;
    if (span)
        for (int r = 0; r <= l->k; r++) {
            int m = span - 1 - (int)l->k + r;
            if (m >= 0 && m < bases) of_weights[n] = m, of_values[n++] = r;
        }
    if (l->base != ZERO || !span) of_weights[n] = bases, of_values[n++] = (int)l->k + 1;
    return n;
}

/* ---- turning rows into columns ---- */

/* Write `rows` rows of `columns` numbers, at most LANES of both, as columns; `whole`: as many of both. */
INLINE void NAME(turn_block)(const int whole, const REAL *from, int64_t step, int rows, int columns, REAL *to,
                             int64_t to_step) {
#if WIDE
    V row[LANES];
    UNROLL_LANES for (int i = 0; i < LANES; i++)
        row[i] = whole || i < rows ? (V)LOAD_SOME(whole ? (MASK)-1 : FIRST(columns), from + i * step) : (V){0};
    UNROLL for (int apart = LANES / 2; apart; apart /= 2) {
        W low, high;
        UNROLL_LANES for (int lane = 0; lane < LANES; lane++) {
            low[lane] = lane & apart ? LANES + lane - apart : lane;
            high[lane] = lane & apart ? LANES + lane : lane + apart;
        }
        UNROLL_LANES for (int i = 0; i < LANES; i++)
            if (!(i & apart)) {
                const V one = row[i], other = row[i + apart];
                row[i] = PICK(one, low, other);
                row[i + apart] = PICK(one, high, other);
            }
    }
    UNROLL_LANES for (int i = 0; i < LANES; i++)
        if (whole || i < columns) STORE_SOME(to + i * to_step, whole ? (MASK)-1 : FIRST(rows), row[i]);
#else
    for (int r = 0; r < (whole ? LANES : rows); r++)
        for (int c = 0; c < (whole ? LANES : columns); c++) to[c * to_step + r] = from[r * step + c];
#endif
}

WHOLE void NAME(turn_rows)(const REAL *from, int64_t step, int64_t rows, int64_t columns, REAL *to, int64_t to_step) {
    const int r = rows < LANES ? (int)rows : LANES, c = columns < LANES ? (int)columns : LANES;
    if (r == LANES && c == LANES) NAME(turn_block)(1, from, step, r, c, to, to_step);
    else NAME(turn_block)(0, from, step, r, c, to, to_step);
}

/* ---- weights in panels of targets, and back ---- */

/* What edges of some inputs and one vector of targets are made of. */
#define EDGES NAME(edges)
typedef struct {
    int64_t most;             /* inputs */
    REAL *coef;               /* (inputs, bases, LANES) */
    REAL *scale, *base, *sum; /* (inputs, LANES); sums of coefficients times their gradients */
    INTEGER *on;              /* likewise: -1 for edges that are there and on, and 0 */
} EDGES;
/* Coefficients of a target that are turned at a time. */
#define TURNED 128

static int NAME(take_edges)(EDGES *e, const LAYER *l) {
    const int64_t bases = l->count - l->k - 1;
    e->most = bases < TURNED ? TURNED / bases : 1;
    e->coef = aligned(e->most * (bases + 4) * LANES * sizeof *e->coef);
    if (!e->coef) return 0;
    e->scale = e->coef + e->most * bases * LANES;
    e->base = e->scale + e->most * LANES;
    e->sum = e->base + e->most * LANES;
    e->on = (INTEGER *)(e->sum + e->most * LANES);
    for (int64_t j = 0; j < e->most * LANES; j++) e->scale[j] = 1;
    return 1;
}

/* Turn n numbers, `step` apart, of each of some targets to (n, LANES). */
static void NAME(turn_edges)(const REAL *from, int64_t out, int64_t step, int64_t targets, int64_t n, REAL *to) {
    for (int64_t j = 0; step == 1 && j < n; j += LANES)
        NAME(turn_rows)(from + j, out, targets, n - j, to + j * LANES, LANES);
    for (int64_t j = 0; step != 1 && j < n; j++)
        for (int64_t lane = 0; lane < targets; lane++) to[j * LANES + lane] = from[lane * out + j * step];
}

/* And back, side by side. */
static void NAME(turn_edges_back)(const REAL *from, int64_t targets, int64_t n, REAL *to, int64_t out) {
    for (int64_t j = 0; j < n; j += LANES) NAME(turn_rows)(from + j * LANES, LANES, n - j, targets, to + j, out);
}

static void NAME(turn_coef)(const LAYER *l, const REAL *from, int64_t targets, int64_t n, REAL *to) {
    const int64_t bases = l->count - l->k - 1, step = l->coef_basis, out = l->coef_out;
    const int together = l->coef_in == bases * step; /* as nearly always */
    if (together) NAME(turn_edges)(from, out, step, targets, n * bases, to);
    for (int64_t j = 0; !together && j < n; j++)
        NAME(turn_edges)(from + j * l->coef_in, out, step, targets, bases, to + j * bases * LANES);
}

/* Rows are far apart, and too short for the processor to fetch them ahead by itself. */
INLINE void NAME(fetch_row)(const REAL *row, int64_t n) {
    for (int64_t at = 0; at < n; at += 64 / (int64_t)sizeof(REAL)) __builtin_prefetch(row + at);
}

/* Read what the edges are made of from target `first` on, of n inputs from i on. */
static void NAME(gather_edges)(const LAYER *l, EDGES *e, int64_t first, int64_t i, int64_t n) {
    const int64_t left = l->n_out - first, targets = left < LANES ? left : LANES, bases = l->count - l->k - 1;
    const REAL *coef = l->coef + first * l->coef_out + i * l->coef_in;
    for (int64_t lane = 0; lane < targets; lane++)
        NAME(fetch_row)(coef + lane * l->coef_out + n * l->coef_in, e->most * bases);
    NAME(turn_coef)(l, coef, targets, n, e->coef);
    if (l->scale_spline) NAME(turn_edges)(l->scale_spline + first * l->n_in + i, l->n_in, 1, targets, n, e->scale);
    NAME(turn_edges)(l->scale_base + first * l->base_out + i * l->base_in, l->base_out, l->base_in, targets, n, e->base);
    for (int64_t j = 0; j < n; j++)
        for (int64_t lane = 0; lane < LANES; lane++)
            e->on[j * LANES + lane] = -(lane < targets && (!l->mask || l->mask[(first + lane) * l->n_in + i + j]));
}

#define FOR_EDGES(n)                                                                                                   \
    const int64_t padded = NAME(padded)(l->n_out), bases = l->count - l->k - 1;                                        \
    for (int64_t first = 0; first < padded; first += LANES)                                                            \
        for (int64_t i = 0, some; some = n - i < e->most ? n - i : e->most, i < n; i += some)
/* Where a vector of targets of input `i + j` is packed, a basis `width` after the one before. */
#define PACKED(weight)                                                                                                 \
    const int64_t panel = first / PANEL * PANEL;                                                                       \
    const int width = NAME(width)(padded, panel);                                                                      \
    REAL *packed = (weight) + (panel * n + (i + j) * width) * (bases + 1) + (first - panel)

/* Pack the weights of n inputs. */
static void NAME(pack)(const LAYER *l, EDGES *e, int64_t start, int64_t n, REAL *weight) {
    FOR_EDGES(n) {
        NAME(gather_edges)(l, e, first, start + i, some);
        for (int64_t j = 0; j < some; j++) {
            PACKED(weight);
            const V zero = {0}, scale = NAME(load)(e->scale + j * LANES);
            const W on = (W)NAME(load)((REAL *)e->on + j * LANES);
            const REAL *coef = e->coef + j * bases * LANES;
            for (int64_t m = 0; m < bases; m++)
                NAME(store)(packed + m * width, NAME(choose)(on, NAME(load)(coef + m * LANES) * scale, zero));
            NAME(store)(packed + bases * width, NAME(choose)(on, NAME(load)(e->base + j * LANES), zero));
        }
    }
}

/* From the gradient in the packed weights of n inputs to those in what they are made of. What is pruned may be nan. */
static void NAME(unpack)(const LAYER *l, EDGES *e, int64_t start, int64_t n, REAL *gradient) {
    FOR_EDGES(n) {
        if (first >= l->n_out) break;
        NAME(gather_edges)(l, e, first, start + i, some);
        for (int64_t j = 0; j < some; j++) {
            PACKED(gradient);
            const V zero = {0}, scale = NAME(load)(e->scale + j * LANES);
            const W on = (W)NAME(load)((REAL *)e->on + j * LANES);
            V sum = {0};
            for (int64_t m = 0; m < bases; m++) {
                REAL *coef = e->coef + (j * bases + m) * LANES;
                const V g = NAME(load)(packed + m * width);
                sum += g * NAME(load)(coef);
                NAME(store)(coef, NAME(choose)(on, g * scale, zero));
            }
            NAME(store)(e->sum + j * LANES, NAME(choose)(on, sum, zero));
            NAME(store)(e->base + j * LANES, NAME(choose)(on, NAME(load)(packed + bases * width), zero));
        }
        const int64_t edge = first * l->n_in + start + i, targets = l->n_out - first;
        NAME(turn_edges_back)(e->coef, targets, some * bases, l->grad_coef + edge * bases, l->n_in * bases);
        NAME(turn_edges_back)(e->base, targets, some, l->grad_base + edge, l->n_in);
        if (l->grad_spline) NAME(turn_edges_back)(e->sum, targets, some, l->grad_spline + edge, l->n_in);
    }
}

/* Inputs whose packed weights are held at a time. */
INLINE int64_t NAME(inputs)(const LAYER *l) {
    const int64_t bytes = NAME(padded)(l->n_out) * (l->count - l->k) * sizeof(REAL);
    const int64_t n = PACKED_BYTES / (bytes ? bytes : 1) / GROUP * GROUP;
    return n < GROUP ? GROUP : n < MOST_INPUTS ? n : MOST_INPUTS;
}

/* ---- what a thread works with ---- */

#define ROOM NAME(room)
typedef struct {
    POINTS *points;
    int32_t *starts;
    PREPARED prepared;
    REAL *knots;
    EDGES edges;
    REAL *weight, *gradient;   /* packed, of some inputs */
    REAL *x;                   /* (LANES, BLOCK + 64): points of inputs from `x_input` on, of block `x_first` */
    int64_t x_input, x_first;
} ROOM;

static int NAME(take_room)(ROOM *room, const LAYER *l, int groups, int packed) {
    const int64_t all = l->count + 2 * l->k;
    const int64_t size = NAME(inputs)(l) * NAME(padded)(l->n_out) * (l->count - l->k);
    *room = (ROOM){.x_first = -1};
    room->points = aligned(groups * sizeof *room->points);
    room->starts = aligned(groups * (l->count + 1) * sizeof *room->starts);
    room->knots = aligned((l->k + 1) * all * sizeof *room->knots);
    room->x = aligned(LANES * (BLOCK + 64) * sizeof *room->x);
    room->weight = aligned(packed * size * sizeof *room->weight);
    room->gradient = room->weight + (packed > 1) * size;
    const int edges = NAME(take_edges)(&room->edges, l);
    if (!room->points || !room->starts || !room->knots || !room->x || !room->weight || !edges) return 0;
    for (int g = 0; g < groups; g++) room->points[g].starts = room->starts + g * (l->count + 1);
    room->prepared.knots = room->knots;
    for (int d = 1; d <= l->k; d++) room->prepared.inverse[d] = room->knots + d * all;
    return 1;
}

static void NAME(leave_room)(ROOM *room) {
    free(room->points);
    free(room->starts);
    free(room->knots);
    free(room->x);
    free(room->weight);
    free(room->edges.coef);
}

/* Points of an input from `first` on, side by side: turned, with those of the inputs beside it, where they are not. */
static const REAL *NAME(points_of)(const LAYER *l, ROOM *room, int64_t input, int64_t first, int n) {
    if (l->x_row == 1) return l->x + input * l->x_in + first;
    if (room->x_first != first || input < room->x_input || input >= room->x_input + LANES) {
        for (int q = 0; q < n; q += LANES)
            NAME(turn_rows)(l->x + (first + q) * l->x_row + input, l->x_row, n - q, l->n_in - input, room->x + q, BLOCK + 64);
        room->x_input = input;
        room->x_first = first;
    }
    return room->x + (input - room->x_input) * (BLOCK + 64);
}

/* All weights, packed for `inputs` at a time. */
static void NAME(pack_inputs)(void *job, int64_t start, int64_t stop) {
    LAYER *l = job;
    const int64_t step = NAME(inputs)(l), size = NAME(padded)(l->n_out) * (l->count - l->k);
    EDGES edges;
    if (!NAME(take_edges)(&edges, l)) {
        l->failed = 1;
        return;
    }
    for (int64_t i = start * step; i < stop * step && i < l->n_in; i += step)
        NAME(pack)(l, &edges, i, l->n_in - i < step ? l->n_in - i : step, l->weight + i * size);
    free(edges.coef);
}

/* ---- forward ---- */

/* Add rows of weights, times the values of each point, to the point's row of targets. */
INLINE void NAME(add)(const int rows, const int vectors, REAL *y, int width, const int32_t *place, int start, int stop,
                      const REAL *weight, const int *of_weights, REAL (*values)[BLOCK + 64], const int *of_values) {
    V w[5][2];
    const REAL *s[5];
    UNROLL for (int r = 0; r < rows; r++) {
        s[r] = values[of_values[r]];
        UNROLL for (int v = 0; v < vectors; v++) w[r][v] = NAME(load)(weight + of_weights[r] * width + v * LANES);
    }
    for (int q = start; q < stop; q++) {
        REAL *row = y + (int64_t)place[q] * width;
        V sum[2];
        UNROLL for (int v = 0; v < vectors; v++) sum[v] = NAME(load)(row + v * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            V c = NAME(splat)(s[r][q]);
            UNROLL for (int v = 0; v < vectors; v++) sum[v] += c * w[r][v];
        }
        UNROLL for (int v = 0; v < vectors; v++) NAME(store)(row + v * LANES, sum[v]);
    }
}

/* At most five rows at a time fit the registers. */
#define BY_ROWS(call)                                                                                                  \
    for (int done = 0; done < n_rows; done += 5) {                                                                     \
        const int *of_weights = all_weights + done, *of_values = all_values + done;                                    \
        switch (n_rows - done) {                                                                                       \
        case 1: call(1); break;                                                                                        \
        case 2: call(2); break;                                                                                        \
        case 3: call(3); break;                                                                                        \
        case 4: call(4); break;                                                                                        \
        default: call(5);                                                                                              \
        }                                                                                                              \
    }

WHOLE void NAME(add_points)(const LAYER *l, REAL *y, int width, const REAL *weight, POINTS *p) {
    int all_weights[ROWS], all_values[ROWS];
    for (int span = 0; span < l->count; span++) {
        const int start = p->starts[span], stop = p->starts[span + 1];
        if (start == stop) continue;
        const int n_rows = NAME(rows)(l, span, all_weights, all_values);
#define ADD(n)                                                                                                         \
    if (width > LANES) NAME(add)(n, 2, y, width, p->place, start, stop, weight, of_weights, p->values, of_values);     \
    else NAME(add)(n, 1, y, width, p->place, start, stop, weight, of_weights, p->values, of_values)
        BY_ROWS(ADD)
#undef ADD
    }
}

/* Blocks of points `start` to `stop`. */
static void NAME(forward_blocks)(void *job, int64_t start, int64_t stop) {
    LAYER *l = job;
    const int64_t n_in = l->n_in, padded = NAME(padded)(l->n_out), rows = l->count - l->k, step = NAME(inputs)(l);
    ROOM room;
    REAL *y = aligned(BLOCK * padded * sizeof *y);
    if (!NAME(take_room)(&room, l, GROUP, !l->weight) || !y) {
        l->failed = 1;
        stop = start;
    }
    for (int64_t first = start * l->block; first < stop * l->block && first < l->batch; first += l->block) {
        const int n = (int)(l->batch - first < l->block ? l->batch - first : l->block);
        memset(y, 0, BLOCK * padded * sizeof *y);
        for (int64_t some = 0; some < n_in; some += step) {
            const int64_t inputs = n_in - some < step ? n_in - some : step;
            const REAL *weight = l->weight ? l->weight + some * padded * rows : room.weight;
            if (!l->weight) NAME(pack)(l, &room.edges, some, inputs, room.weight);
            for (int64_t i = 0; i < inputs; i += GROUP) {
                const int group = (int)(inputs - i < GROUP ? inputs - i : GROUP);
                for (int g = 0; g < group; g++) {
                    const REAL *x = NAME(points_of)(l, &room, some + i + g, first, n);
                    NAME(fill)(l, some + i + g, x, n, &room.prepared, &room.points[g], 0);
                }
                for (int64_t o = 0; o < padded; o += PANEL) {
                    const int width = NAME(width)(padded, o);
                    for (int g = 0; g < group; g++)
                        NAME(add_points)(l, y + o * BLOCK, width, weight + (o * inputs + (i + g) * width) * rows,
                                         &room.points[g]);
                }
            }
        }
        for (int64_t o = 0; o < l->n_out; o += LANES) {
            const int64_t panel = o / PANEL * PANEL, targets = l->n_out - o;
            const int width = NAME(width)(padded, panel);
            REAL *from = y + panel * BLOCK + (o - panel);
            for (int q = 0; q < n; q++)
                NAME(store)(from + q * width, NAME(load)(from + q * width) + NAME(load)(l->offset + o));
            for (int q = 0; q < n; q += LANES)
                NAME(turn_rows)(from + q * width, width, n - q, targets, l->y + o * l->batch + first + q, l->batch);
        }
    }
    free(y);
    NAME(leave_room)(&room);
}

/* ---- forward where few edges are on ---- */

#if WIDE
/* A table of ENTRIES numbers in registers, and what is looked up in it: zeros where `there` is off. */
#define TABLE NAME(table)
#define EACH_PART UNROLL for (int part = 0; part < ENTRIES / LANES; part++)
typedef struct {
    V part[ENTRIES / (VECTOR_BYTES / sizeof(REAL))];
} TABLE;
typedef MASK NAME(mask);

INLINE V NAME(look_up)(MASK there, TABLE table, W at) {
#if IS_FLOAT
    return (V)_mm512_maskz_permutexvar_ps(there, (__m512i)at, (__m512)table.part[0]);
#else
    return (V)_mm512_maskz_permutex2var_pd(there, (__m512d)table.part[0], (__m512i)at, (__m512d)table.part[1]);
#endif
}

INLINE TABLE NAME(table_at)(const REAL *from) {
    TABLE table;
    EACH_PART table.part[part] = NAME(load)(from + part * LANES);
    return table;
}

#define LIVE NAME(live)
typedef struct {
    int64_t *first;  /* (in + 2,): the first edge of each input */
    int32_t *target; /* of each edge, the edges of an input together; beside it source and target by targets */
    REAL *knots;     /* of each input: a table of the starts of its spans, and one of one over their lengths */
    REAL *pieces;    /* of each edge: its polynomial on each span, a table a power, highest first */
    REAL *base;      /* of each edge: its base scale */
} LIVE;
#define PIECES(k) (((k) + 1) * ENTRIES)

static void NAME(free_live)(LIVE *live) {
    free(live->first);
    free(live->target);
    free(live->knots);
    free(live->pieces);
    free(live->base);
}

/* The most edges that are quicker gone through one by one, each with tables of its own: those take as long as some
 * hundreds of points of an edge. So does packing each weight as some tens, and to put each point in order and to add it
 * to each vector of targets. As measured with layers of 64 to 784 inputs and 4 to 256 targets. */
static int64_t NAME(most_live)(const LAYER *l) {
    const double tables = IS_FLOAT ? 300 : 200, order = IS_FLOAT ? 20 : 14, add = IS_FLOAT ? 12 : 5, pack = 40;
    const double padded = (double)NAME(padded)(l->n_out), batch = (double)l->batch;
    const double most = l->n_in * (batch * (order + add * padded / LANES) + pack * padded) / (batch + tables);
    return most < l->n_in * l->n_out ? (int64_t)most : l->n_in * l->n_out;
}

/* List the edges that are on by their inputs. 0 where they are many, or tables do not serve, or there is no memory. */
static int NAME(list_live)(const LAYER *l, LIVE *live) {
    const int64_t n_in = l->n_in, most = NAME(most_live)(l);
    int64_t n = 0;
    int disorder = 0;
    if (l->count - 1 > ENTRIES || l->k > 3 || (!l->mask && most < n_in * l->n_out)) return 0;
    for (int64_t j = n_in; j < l->count * n_in; j++) disorder |= l->knots[j] < l->knots[j - n_in];
    if (disorder) return 0;
    live->first = aligned((n_in + 2) * sizeof *live->first);
    live->target = aligned(3 * most * sizeof *live->target);
    live->knots = aligned(n_in * 2 * ENTRIES * sizeof *live->knots);
    if (!live->first || !live->target || !live->knots) return 0;
    memset(live->first, 0, (n_in + 2) * sizeof *live->first);
    int32_t *sources = live->target + most, *targets = sources + most;
    for (int64_t o = 0; o < l->n_out; o++) {
        const int64_t found = l->mask ? find_on(l->mask + o * n_in, n_in, sources + n, most - n) : n_in;
        if (found < 0) return 0;
        for (int64_t i = 0; !l->mask && i < n_in; i++) sources[n + i] = (int32_t)i;
        for (const int64_t end = n + found; n < end; n++) targets[n] = (int32_t)o, live->first[sources[n] + 2]++;
    }
    live->pieces = aligned(n * PIECES(l->k) * sizeof *live->pieces);
    live->base = aligned(n * sizeof *live->base);
    if (!live->pieces || !live->base) return 0;
    for (int64_t i = 0; i < n_in; i++) live->first[i + 2] += live->first[i + 1];
    for (int64_t e = 0; e < n; e++) live->target[live->first[sources[e] + 1]++] = targets[e];
    return 1;
}

/* The bases that are not zero on spans which start at t[0], t[1] and so on, as polynomials of the place in a span from
 * 0 to 1: de Boor's recursion on [basis][power]. */
INLINE void NAME(polynomials)(const int k, const REAL *t, TABLE (*result)[4]) {
    EACH_PART {
        const REAL *at = t + part * LANES;
        V start = NAME(load)(at), length = NAME(load)(at + 1) - start, value[4][4] = {{NAME(splat)(1)}};
        UNROLL for (int d = 1; d <= k; d++) {
            V saved[4] = {{0}};
            UNROLL for (int r = 0; r < d; r++) {
                V below = NAME(load)(at + 1 - d + r), above = NAME(load)(at + 1 + r), share[4];
                V before = start - below, after = above - start, inverse = 1 / (above - below);
                UNROLL for (int p = 0; p < d; p++) share[p] = value[r][p] * inverse;
                value[r][d] = (V){0};
                UNROLL for (int p = 0; p < d; p++) {
                    value[r][p] = saved[p] + after * share[p] - (p ? length * share[p - 1] : (V){0});
                    saved[p] = before * share[p] + (p ? length * share[p - 1] : (V){0});
                }
                value[r][d] = saved[d] - length * share[d - 1];
                saved[d] = length * share[d - 1];
            }
            UNROLL for (int p = 0; p <= d; p++) value[d][p] = saved[p];
        }
        UNROLL for (int r = 0; r <= k; r++)
            UNROLL for (int p = 0; p <= k; p++) result[r][p].part[part] = value[r][p];
    }
}

INLINE void NAME(edge_pieces)(const int k, const LAYER *l, const LIVE *live, int64_t i, const REAL *t) {
    const int64_t bases = l->count - l->k - 1;
    REAL numbers[ENTRIES + 4] = {0};
    TABLE polynomial[4][4];
    NAME(polynomials)(k, t, polynomial);
    for (int64_t e = live->first[i]; e < live->first[i + 1]; e++) {
        const int64_t edge = live->target[e] * l->n_in + i;
        const REAL *coef = l->coef + live->target[e] * l->coef_out + i * l->coef_in;
        const REAL scale = l->scale_spline ? l->scale_spline[edge] : 1;
        for (int64_t m = 0; m < bases; m++) numbers[k + m] = coef[m * l->coef_basis] * scale;
        UNROLL for (int p = 0; p <= k; p++) {
            REAL *to = live->pieces + e * PIECES(k) + (k - p) * ENTRIES;
            EACH_PART {
                V sum = NAME(load)(numbers + part * LANES) * polynomial[0][p].part[part];
                UNROLL for (int r = 1; r <= k; r++)
                    sum += NAME(load)(numbers + r + part * LANES) * polynomial[r][p].part[part];
                NAME(store)(to + part * LANES, sum);
            }
        }
        live->base[e] = l->scale_base[live->target[e] * l->base_out + i * l->base_in];
    }
}

/* Inputs `start` to `stop`. */
static void NAME(build_live)(void *job, int64_t start, int64_t stop) {
    const LAYER *l = job;
    const LIVE *live = l->live;
    const int count = (int)l->count, k = (int)l->k;
    REAL extended[2 * MAX_DEGREE + 3 * ENTRIES];
    for (int64_t i = start; i < stop; i++) {
        if (live->first[i] == live->first[i + 1]) continue;
        NAME(extend)(extended, l->knots + i, l->n_in, count, k);
        const REAL *t = extended + k;
        REAL *knots = live->knots + i * 2 * ENTRIES;
        for (int j = 0; j < ENTRIES; j++) {
            knots[j] = j < count - 1 ? t[j] : (REAL)INFINITY;
            knots[ENTRIES + j] = j < count - 1 ? 1 / (t[j + 1] - t[j]) : 0;
        }
#define PIECES_OF(k) NAME(edge_pieces)(k, l, live, i, t)
        BY_DEGREE(k, PIECES_OF)
#undef PIECES_OF
    }
}

/* Where points are among knots, given the starts of their spans and one over their lengths: in which span, whether on
 * the knots at all, and at what place in the span, from 0 to 1. */
INLINE V NAME(find_place)(TABLE starts, TABLE inverse, REAL first, REAL last, V x, W *span, MASK *inside) {
    *span = (W){0};
    UNROLL for (INTEGER jump = ENTRIES / 2; jump; jump /= 2)
        *span += (W)(x >= NAME(look_up)(-1, starts, *span + jump)) & jump;
    *inside = AND_COMPARE(COMPARE(x, SPLAT(first), _CMP_GE_OQ), x, SPLAT(last), _CMP_LT_OQ);
    return (V)MOVE_SOME(*inside, (x - NAME(look_up)(-1, starts, *span)) * NAME(look_up)(-1, inverse, *span));
}

WHOLE void NAME(find_places)(const REAL *knots, REAL last, const REAL *x, int n, INTEGER *spans, MASK *inside, REAL *places) {
    const TABLE starts = NAME(table_at)(knots), inverse = NAME(table_at)(knots + ENTRIES);
    for (int q = 0; q < n; q += LANES) {
        W span;
        NAME(store)(places + q, NAME(find_place)(starts, inverse, knots[0], last, NAME(load)(x + q), &span, inside + q / LANES));
        memcpy(spans + q, &span, sizeof span);
    }
}

/* Add the edges of an input at some vectors of points to their targets. */
INLINE void NAME(add_edges)(const int k, const int vectors, const LIVE *live, int64_t i, const REAL *places,
                            const INTEGER *spans, const MASK *inside, const REAL *base, REAL *y) {
    V place[4], s[4];
    W span[4];
    UNROLL for (int v = 0; v < vectors; v++) {
        place[v] = NAME(load)(places + v * LANES);
        s[v] = NAME(load)(base + v * LANES);
        memcpy(&span[v], spans + v * LANES, sizeof *span);
    }
    for (int64_t e = live->first[i]; e < live->first[i + 1]; e++) {
        REAL *to = y + live->target[e] * (BLOCK + 64);
        V scale = NAME(splat)(live->base[e]);
        TABLE piece[4];
        UNROLL for (int d = 0; d <= k; d++) piece[d] = NAME(table_at)(live->pieces + e * PIECES(k) + d * ENTRIES);
        UNROLL for (int v = 0; v < vectors; v++) {
            V sum = NAME(look_up)(inside[v], piece[0], span[v]);
            UNROLL for (int d = 1; d <= k; d++) sum = sum * place[v] + NAME(look_up)(inside[v], piece[d], span[v]);
            NAME(store)(to + v * LANES, NAME(load)(to + v * LANES) + s[v] * scale + sum);
        }
    }
}

WHOLE void NAME(add_input)(const LAYER *l, const LIVE *live, int64_t i, const REAL *x, int n, POINTS *p, REAL *y) {
    INTEGER spans[BLOCK + 64];
    MASK inside[BLOCK / 8 + 8];
    REAL *places = p->values[0], *base = p->values[1];
    if (n % LANES) { /* no reading past the end */
        memcpy(p->x, x, n * sizeof *x);
        memset(p->x + n, 0, LANES * sizeof *x);
        x = p->x;
    }
    NAME(find_places)(live->knots + i * 2 * ENTRIES, l->knots[(l->count - 1) * l->n_in + i], x, n, spans, inside, places);
    NAME(base_values)((int)l->base, x, n, base, NULL);
#define EACH_EDGE(k)                                                                                                   \
    int q = 0;                                                                                                         \
    for (; q + 3 * LANES < n; q += 4 * LANES)                                                                          \
        NAME(add_edges)(k, 4, live, i, places + q, spans + q, inside + q / LANES, base + q, y + q);                    \
    for (; q < n; q += LANES)                                                                                          \
        NAME(add_edges)(k, 1, live, i, places + q, spans + q, inside + q / LANES, base + q, y + q)
    BY_DEGREE(l->k, EACH_EDGE)
#undef EACH_EDGE
}

/* Blocks of points `start` to `stop`. */
static void NAME(live_blocks)(void *job, int64_t start, int64_t stop) {
    LAYER *l = job;
    const LIVE *live = l->live;
    ROOM room;
    REAL *y = aligned(l->n_out * (BLOCK + 64) * sizeof *y);
    if (!NAME(take_room)(&room, l, 1, 0) || !y) {
        l->failed = 1;
        stop = start;
    }
    for (int64_t first = start * l->block; first < stop * l->block && first < l->batch; first += l->block) {
        const int n = (int)(l->batch - first < l->block ? l->batch - first : l->block);
        for (int64_t o = 0; o < l->n_out; o++)
            for (int q = 0; q < n; q += LANES) NAME(store)(y + o * (BLOCK + 64) + q, NAME(splat)(l->offset[o]));
        for (int64_t i = 0; i < l->n_in; i++)
            if (live->first[i] < live->first[i + 1])
                NAME(add_input)(l, live, i, NAME(points_of)(l, &room, i, first, n), n, room.points, y);
        for (int64_t o = 0; o < l->n_out; o++)
            memcpy(l->y + o * l->batch + first, y + o * (BLOCK + 64), n * sizeof *y);
    }
    free(y);
    NAME(leave_room)(&room);
}
#endif

/* ---- backward ---- */

/* Add each point's gradient, times its values, to rows of the gradient of the weights. */
INLINE void NAME(add_weights)(const int rows, const int vectors, const REAL *grad, int width, const int32_t *place,
                              int start, int stop, REAL *weight, const int *of_weights, REAL (*values)[BLOCK + 64],
                              const int *of_values) {
    V w[5][2];
    const REAL *s[5];
    UNROLL for (int r = 0; r < rows; r++) {
        s[r] = values[of_values[r]];
        UNROLL for (int v = 0; v < vectors; v++) w[r][v] = NAME(load)(weight + of_weights[r] * width + v * LANES);
    }
    for (int q = start; q < stop; q++) {
        const REAL *row = grad + (int64_t)place[q] * width;
        V g[2];
        UNROLL for (int v = 0; v < vectors; v++) g[v] = NAME(load)(row + v * LANES);
        UNROLL for (int r = 0; r < rows; r++) {
            V c = NAME(splat)(s[r][q]);
            UNROLL for (int v = 0; v < vectors; v++) w[r][v] += c * g[v];
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int v = 0; v < vectors; v++) NAME(store)(weight + of_weights[r] * width + v * LANES, w[r][v]);
}

INLINE REAL NAME(total)(V value) {
#if WIDE && IS_FLOAT
    return _mm512_reduce_add_ps((__m512)value);
#elif WIDE
    return _mm512_reduce_add_pd((__m512d)value);
#else
    typedef REAL half_t __attribute__((vector_size(VECTOR_BYTES / 2)));
    half_t parts[2];
    memcpy(parts, &value, sizeof parts);
    half_t half = parts[0] + parts[1];
    REAL sum[VECTOR_BYTES / 2 / sizeof(REAL)];
    memcpy(sum, &half, sizeof half);
    for (int n = LANES / 4; n; n /= 2)
        UNROLL for (int i = 0; i < n; i++) sum[i] += sum[i + n];
    return sum[0];
#endif
}

/* Add to the gradient of each point: its slopes times the weights, on the gradient of its targets. */
INLINE void NAME(add_slopes)(const int rows, const int vectors, const REAL *grad, int width, const int32_t *place,
                             int start, int stop, const REAL *weight, const int *of_weights,
                             REAL (*slopes)[BLOCK + 64], const int *of_values, REAL *grad_x) {
    V w[5][2];
    const REAL *s[5];
    UNROLL for (int r = 0; r < rows; r++) {
        s[r] = slopes[of_values[r]];
        UNROLL for (int v = 0; v < vectors; v++) w[r][v] = NAME(load)(weight + of_weights[r] * width + v * LANES);
    }
    for (int q = start; q < stop; q++) {
        const REAL *row = grad + (int64_t)place[q] * width;
        V slope[2];
        UNROLL for (int r = 0; r < rows; r++) {
            V c = NAME(splat)(s[r][q]);
            UNROLL for (int v = 0; v < vectors; v++) slope[v] = r ? slope[v] + c * w[r][v] : c * w[r][v];
        }
        V sum = slope[0] * NAME(load)(row);
        if (vectors > 1) sum += slope[1] * NAME(load)(row + LANES);
        grad_x[place[q]] += NAME(total)(sum);
    }
}

WHOLE void NAME(add_gradients)(const LAYER *l, const REAL *grad, int width, const REAL *weight, REAL *grad_weight,
                                REAL *grad_x, POINTS *p) {
    int all_weights[ROWS], all_values[ROWS];
    for (int span = 0; span < l->count; span++) {
        const int start = p->starts[span], stop = p->starts[span + 1];
        if (start == stop) continue;
        const int n_rows = NAME(rows)(l, span, all_weights, all_values);
#define BOTH(function, n, rows, target, ...)                                                                           \
    if (width > LANES)                                                                                                 \
        function(n, 2, grad, width, p->place, start, stop, target, of_weights, rows, of_values __VA_ARGS__);           \
    else function(n, 1, grad, width, p->place, start, stop, target, of_weights, rows, of_values __VA_ARGS__)
#define WEIGHTS(n) BOTH(NAME(add_weights), n, p->values, grad_weight, )
#define COMMA ,
#define SLOPES(n) BOTH(NAME(add_slopes), n, p->slopes, weight, COMMA grad_x)
        if (grad_weight) BY_ROWS(WEIGHTS)
        if (grad_x) BY_ROWS(SLOPES)
#undef BOTH
#undef WEIGHTS
#undef COMMA
#undef SLOPES
    }
}

/* Inputs `start` to `stop`: each thread has its own rows of all gradients. */
static void NAME(backward_inputs)(void *job, int64_t start, int64_t stop) {
    LAYER *l = job;
    const int64_t batch = l->batch, padded = NAME(padded)(l->n_out), rows = l->count - l->k, step = NAME(inputs)(l);
    ROOM room;
    if (!NAME(take_room)(&room, l, 1, (l->grad_x != NULL) + (l->grad_coef != NULL))) {
        l->failed = 1;
        stop = start;
    }
    for (int64_t some = start; some < stop; some += step) {
        const int64_t inputs = stop - some < step ? stop - some : step;
        if (l->grad_x) NAME(pack)(l, &room.edges, some, inputs, room.weight);
        if (l->grad_coef) memset(room.gradient, 0, inputs * padded * rows * sizeof *room.gradient);
        for (int64_t first = 0; first < batch; first += BLOCK) {
            const int n = batch - first < BLOCK ? (int)(batch - first) : BLOCK;
            for (int64_t i = 0; i < inputs; i++) {
                const REAL *x = NAME(points_of)(l, &room, some + i, first, n);
                NAME(fill)(l, some + i, x, n, &room.prepared, room.points, l->grad_x != NULL);
                REAL *grad_x = l->grad_x ? l->grad_x + (some + i) * batch + first : NULL;
                if (grad_x) memset(grad_x, 0, n * sizeof *grad_x);
                for (int64_t o = 0; o < padded; o += PANEL) {
                    const int width = NAME(width)(padded, o);
                    const int64_t at = (o * inputs + i * width) * rows;
                    NAME(add_gradients)(l, l->grad_rows + o * batch + first * width, width, room.weight + at,
                                        l->grad_coef ? room.gradient + at : NULL, grad_x, room.points);
                }
            }
        }
        if (l->grad_coef) NAME(unpack)(l, &room.edges, some, inputs, room.gradient);
    }
    NAME(leave_room)(&room);
}

/* Vectors of points `start` to `stop` of the gradient, into rows of targets. */
static void NAME(turn_points)(void *job, int64_t start, int64_t stop) {
    LAYER *l = job;
    const int64_t padded = NAME(padded)(l->n_out), batch = l->batch;
    for (int64_t first = start * LANES; first < stop * LANES && first < batch; first += LANES)
        for (int64_t o = 0; o < padded; o += LANES) {
            const int64_t panel = o / PANEL * PANEL, targets = l->n_out - o;
            const int width = NAME(width)(padded, panel);
            REAL *to = l->grad_rows + panel * batch + first * width + (o - panel);
            NAME(turn_rows)(l->grad + o * batch + first, batch, targets, batch - first, to, width);
            for (int q = 0; targets < LANES && q < LANES && first + q < batch; q++)
                memset(to + q * width + targets, 0, (LANES - targets) * sizeof *to);
        }
}

/* ---- statistics of edges ---- */

/* Over some points, the sums of what each edge of a panel differs from its `shift`, of the squares, and of sizes; the
 * edges themselves are added to the points' rows of targets. */
INLINE void NAME(add_moments)(const int rows, const int vectors, REAL *y, int width, const int32_t *place, int start,
                              int stop, const REAL *weight, const int *of_weights, REAL (*values)[BLOCK + 64],
                              const int *of_values, const REAL *shift, REAL *sums) {
    const W positive = (W)NAME(splat)(-(REAL)0) ^ -1;
    V w[ROWS][2], from[2], sum[2], square[2], size[2];
    UNROLL for (int v = 0; v < vectors; v++) {
        from[v] = NAME(load)(shift + v * LANES);
        sum[v] = NAME(load)(sums + v * LANES);
        square[v] = NAME(load)(sums + width + v * LANES);
        size[v] = NAME(load)(sums + 2 * width + v * LANES);
        UNROLL for (int r = 0; r < rows; r++) w[r][v] = NAME(load)(weight + of_weights[r] * width + v * LANES);
    }
    for (int q = start; q < stop; q++) {
        REAL *row = y + (int64_t)place[q] * width;
        V edge[2] = {{0}};
        UNROLL for (int r = 0; r < rows; r++) {
            V c = NAME(splat)(values[of_values[r]][q]);
            UNROLL for (int v = 0; v < vectors; v++) edge[v] = r ? edge[v] + c * w[r][v] : c * w[r][v];
        }
        UNROLL for (int v = 0; v < vectors; v++) {
            V difference = edge[v] - from[v];
            sum[v] += difference;
            square[v] += difference * difference;
            size[v] += (V)((W)edge[v] & positive);
            NAME(store)(row + v * LANES, NAME(load)(row + v * LANES) + edge[v]);
        }
    }
    UNROLL for (int v = 0; v < vectors; v++) {
        NAME(store)(sums + v * LANES, sum[v]);
        NAME(store)(sums + width + v * LANES, square[v]);
        NAME(store)(sums + 2 * width + v * LANES, size[v]);
    }
}

/* These sums over every `step`th part of each span, at least one point of each that has any. Gives their number. */
WHOLE int NAME(sum_moments)(const LAYER *l, REAL *y, int width, const REAL *weight, POINTS *p, int step,
                            const REAL *shift, REAL *sums) {
    int of_weights[ROWS], of_values[ROWS], n = 0;
    memset(sums, 0, 3 * width * sizeof *sums);
    for (int span = 0; span < l->count; span++) {
        const int start = p->starts[span], stop = start + (p->starts[span + 1] - start + step - 1) / step;
        if (start == stop) continue;
        const int n_rows = NAME(rows)(l, span, of_weights, of_values);
        n += stop - start;
#define MOMENTS(rows)                                                                                                  \
    if (width > LANES)                                                                                                 \
        NAME(add_moments)(rows, 2, y, width, p->place, start, stop, weight, of_weights, p->values, of_values, shift,   \
                          sums);                                                                                       \
    else                                                                                                               \
        NAME(add_moments)(rows, 1, y, width, p->place, start, stop, weight, of_weights, p->values, of_values, shift,   \
                          sums)
        switch (n_rows) {
        case 5: MOMENTS(5); break;
        case 4: MOMENTS(4); break;
        case 3: MOMENTS(3); break;
        default: MOMENTS(n_rows);
        }
#undef MOMENTS
    }
    return n;
}

/* Merge a block into what was seen: means, sums of sizes, and sums of squares about the mean.
 *
 * Squares are of differences from about the mean, so that no digits are lost where the mean is large: from that of some
 * points of the first block, and later from the mean so far. It starts at one point a span, so that what is constant
 * differs by nothing at all. The edges are added to y; `spare` are rows for sums that nobody wants. */
WHOLE void NAME(merge_block)(const LAYER *l, double seen, int n, REAL *y, int width, const REAL *weight, POINTS *p,
                             double *moments, REAL *spare) {
    REAL shift[PANEL], sums[3 * PANEL];
    double *mean = moments, *size = mean + width, *spread = size + width;
    for (int c = 0; c < width; c++) shift[c] = (REAL)mean[c];
    for (int step = seen ? 1 : BLOCK; step > 1; step /= 16) {
        const int some = NAME(sum_moments)(l, spare, width, weight, p, step, shift, sums);
        for (int c = 0; c < width; c++) shift[c] += sums[c] / some;
    }
    for (int c = 0; c < width; c++) shift[c] = shift[c] - shift[c] == 0 ? shift[c] : 0;
    NAME(sum_moments)(l, y, width, weight, p, 1, shift, sums);
    const double share = n / (seen + n), part = 1. / n;
    for (int c = 0; c < width; c++) {
        const double sum = sums[c], rest = sums[width + c] - sum * sum * part;
        const double delta = shift[c] + sum * part - mean[c];
        mean[c] += delta * share;
        size[c] += sums[2 * width + c];
        spread[c] += (rest < 0 ? 0 : rest) + delta * delta * (seen * share);
    }
}

/* What was seen of an edge of input i so far, from where Python wants it or back; at the end, what it wants. */
static void NAME(keep_moments)(const LAYER *l, int64_t i, double *kept, int read, int last) {
    const int64_t size = l->n_out * l->n_in, padded = NAME(padded)(l->n_out);
    for (int64_t o = 0; o < l->n_out; o++) {
        const int64_t panel = o / PANEL * PANEL;
        const int width = NAME(width)(padded, panel);
        double *at = kept + 3 * panel + (o - panel), *there = l->moments + o * l->n_in + i;
        for (int moment = 0; moment < 3; moment++)
            if (read) at[moment * width] = there[moment * size];
            else there[moment * size] = at[moment * width];
        if (!last) continue;
        there[size] /= l->batch;
        there[2 * size] = sqrt(there[2 * size] / (l->batch > 1 ? l->batch - 1 : 1));
    }
}

/* Shares `start` to `stop` of the inputs, over the points of a chunk. */
static void NAME(measure_shares)(void *job, int64_t start, int64_t stop) {
    LAYER *l = job;
    const int64_t end = l->first + CHUNK < l->batch ? l->first + CHUNK : l->batch, step = NAME(inputs)(l);
    const int64_t padded = NAME(padded)(l->n_out), rows = l->count - l->k;
    ROOM room;
    double *moments = aligned(3 * padded * sizeof *moments);
    REAL *spare = aligned(BLOCK * PANEL * sizeof *spare);
    if (!NAME(take_room)(&room, l, 1, 1) || !moments || !spare) {
        l->failed = 1;
        stop = start;
    } else memset(spare, 0, BLOCK * PANEL * sizeof *spare);
    for (int64_t share = start; share < stop; share++) {
        const int64_t from = l->n_in * share / l->shares, to = l->n_in * (share + 1) / l->shares;
        REAL *y = l->sums + share * padded * CHUNK;
        memset(y, 0, padded * CHUNK * sizeof *y);
        for (int64_t i = from, packed = from, inputs = 0; i < to; i++) {
            if (i == packed + inputs) {
                packed = i;
                inputs = to - i < step ? to - i : step;
                NAME(pack)(l, &room.edges, i, inputs, room.weight);
            }
            memset(moments, 0, 3 * padded * sizeof *moments);
            if (l->first) NAME(keep_moments)(l, i, moments, 1, 0);
            for (int64_t first = l->first; first < end; first += BLOCK) {
                const int n = end - first < BLOCK ? (int)(end - first) : BLOCK;
                NAME(fill)(l, i, NAME(points_of)(l, &room, i, first, n), n, &room.prepared, room.points, 0);
                for (int64_t o = 0; o < padded; o += PANEL) {
                    const int width = NAME(width)(padded, o);
                    const REAL *weight = room.weight + (o * inputs + (i - packed) * width) * rows;
                    NAME(merge_block)(l, (double)first, n, y + o * CHUNK + (first - l->first) * width, width, weight,
                                      room.points, moments + 3 * o, spare);
                }
            }
            NAME(keep_moments)(l, i, moments, 0, end == l->batch);
        }
    }
    free(moments);
    free(spare);
    NAME(leave_room)(&room);
}

/* Vectors of points `start` to `stop` of a chunk: the sums of all shares become columns of y. */
static void NAME(join_shares)(void *job, int64_t start, int64_t stop) {
    LAYER *l = job;
    const int64_t padded = NAME(padded)(l->n_out);
    for (int64_t q = start * LANES; q < stop * LANES && l->first + q < l->batch; q += LANES)
        for (int64_t o = 0; o < l->n_out; o += LANES) {
            const int64_t panel = o / PANEL * PANEL;
            const int width = NAME(width)(padded, panel);
            REAL *from = l->sums + panel * CHUNK + q * width + (o - panel);
            for (int row = 0; row < LANES; row++) {
                V sum = NAME(load)(l->offset + o);
                for (int64_t share = 0; share < l->shares; share++)
                    sum += NAME(load)(from + row * width + share * padded * CHUNK);
                NAME(store)(from + row * width, sum);
            }
            NAME(turn_rows)(from, width, l->batch - l->first - q, l->n_out - o, l->y + o * l->batch + l->first + q,
                            l->batch);
        }
}

/* What biases and pruned edges add to each target. */
static void NAME(sum_offsets)(LAYER *l) {
    for (int64_t o = 0; o < l->n_out; o++) {
        double sum = 0;
        for (int64_t i = 0; l->fill && l->mask && i < l->n_in; i++)
            sum += l->mask[o * l->n_in + i] ? 0 : l->fill[o * l->n_in + i];
        l->offset[o] = (l->bias ? l->bias[o] : 0) + (REAL)sum;
    }
}

/* ---- what Python calls ---- */

/* Bytes of the struct, to compare with Python's. */
int64_t NAME(kan_layer_size)(void) { return sizeof(LAYER); }

/* Masks of nothing are not looked at again. */
static void NAME(drop_mask)(LAYER *l) {
    if (l->mask && !memchr(l->mask, 0, l->n_out * l->n_in)) l->mask = NULL;
}

/* Write y. Gives 0, or NO_MEMORY. */
int NAME(kan_forward)(LAYER *l) {
    const int64_t n_in = l->n_in, padded = NAME(padded)(l->n_out), step = NAME(inputs)(l);
    const int64_t share = (l->batch / l->threads + LANES) / LANES * LANES;
    l->block = share < LEAST_BLOCK ? LEAST_BLOCK : share < BLOCK ? share : BLOCK;
    const int64_t blocks = (l->batch + l->block - 1) / l->block;
    if (!(l->offset = aligned(padded * sizeof *l->offset))) return NO_MEMORY;
    NAME(drop_mask)(l);
    NAME(sum_offsets)(l);
    int few = 0;
#if WIDE
    LIVE live = {0};
    few = NAME(list_live)(l, &live);
    l->live = &live;
    if (few) in_parallel(NAME(build_live), l, n_in, l->threads);
    if (few) in_parallel(NAME(live_blocks), l, blocks, l->threads);
    NAME(free_live)(&live);
#endif
    if (!few && blocks > 1) { /* one block packs what it wants as it goes */
        l->weight = aligned(n_in * padded * (l->count - l->k) * sizeof *l->weight);
        l->failed = !l->weight;
        if (!l->failed) in_parallel(NAME(pack_inputs), l, (n_in + step - 1) / step, l->threads);
    }
    if (!few && !l->failed) in_parallel(NAME(forward_blocks), l, blocks, l->threads);
    free(l->weight);
    free(l->offset);
    return l->failed ? NO_MEMORY : DONE;
}

/* Write the moments of each edge over at least one point, and y. Gives 0, or NO_MEMORY. */
int NAME(kan_statistics)(LAYER *l) {
    const int64_t padded = NAME(padded)(l->n_out), least = (l->n_in + GROUP - 1) / GROUP;
    l->shares = least < SHARES ? least : SHARES;
    l->offset = aligned(padded * sizeof *l->offset);
    l->sums = aligned(l->shares * padded * CHUNK * sizeof *l->sums);
    l->failed = !l->offset || !l->sums;
    if (!l->failed) NAME(sum_offsets)(l);
    for (l->first = 0; l->first < l->batch && !l->failed; l->first += CHUNK) {
        const int64_t left = l->batch - l->first, n = left < CHUNK ? left : CHUNK;
        in_parallel(NAME(measure_shares), l, l->shares, l->threads);
        in_parallel(NAME(join_shares), l, (n + LANES - 1) / LANES, l->threads);
    }
    free(l->sums);
    free(l->offset);
    return l->failed ? NO_MEMORY : DONE;
}

/* Write the gradients that are wanted. Gives 0, or NO_MEMORY. */
int NAME(kan_backward)(LAYER *l) {
    if (!(l->grad_rows = aligned(NAME(padded)(l->n_out) * l->batch * sizeof *l->grad_rows))) return NO_MEMORY;
    NAME(drop_mask)(l);
    in_parallel(NAME(turn_points), l, (l->batch + LANES - 1) / LANES, l->threads);
    in_parallel(NAME(backward_inputs), l, l->n_in, l->threads);
    free(l->grad_rows);
    return l->failed ? NO_MEMORY : DONE;
}

#undef LANES
#undef PANEL
#undef ROWS
#undef V
#undef W
#undef N
#undef U
#undef LAYER
#undef POINTS
#undef PREPARED
#undef ROOM
#undef BY_ROWS
#undef EDGES
#undef TURNED
#undef FOR_EDGES
#undef PACKED
#undef STORE_SOME
#undef PICK
#undef FIRST
#undef LIVE
#undef PIECES
#undef TABLE
#undef EACH_PART
#undef MASK
#undef COMPARE
#undef AND_COMPARE
#undef LOAD_SOME
#undef MOVE_SOME
#undef COMPRESS
#undef MINIMUM
#undef MAXIMUM
#undef LOWEST
#undef HIGHEST
#undef STORE
#undef SPLAT
#undef COMPRESS_PLACES
#endif
