/* Networks of few nodes, whole, in one call: values, gradients, and the steps of their training.
 *
 * With so little to do for a layer, most of the time would go to asking for it. Points pass all layers in strips that
 * stay in the cache. Nothing is kept between a forward and a backward pass but their inputs: to work features out again
 * costs less than to write them down. Every sum runs in an order that depends on shapes alone.
 *
 * It is compiled together with kernel.c, whose vectors it uses, and includes itself as that does.
 */
#ifndef REAL

#include "kernel.c"
#undef REAL
#undef INTEGER
#undef NATURAL
#undef SUFFIX
#undef IS_FLOAT

/* Points that go through all layers together; a multiple of CHAINS vectors. */
#define STRIP 128
/* Sums that are worked on at once, since each has to wait for its last addition. */
#define CHAINS 4
#define MAX_DEPTH 8
/* A variance that counts as none: the root has no slope at 0. */
#define SMALLEST 1e-30
/* Steps that the optimiser remembers. */
#define HISTORY 10

enum { NO_PENALTY, STD_OVER_INPUT, STD, GROUPS };
/* Vectors of the optimiser; after the changes of slopes two that may become a step and a change. */
enum { DIRECTION, START, BEFORE, GRADIENTS, STEPS = GRADIENTS + 4, CHANGES = STEPS + HISTORY, VECTORS = CHANGES + HISTORY + 2 };

#define REAL float
#define INTEGER int32_t
#define NATURAL uint32_t
#define SUFFIX f32
#define IS_FLOAT 1
#include "network.c"
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
#include "network.c"

#else /* ---- for one REAL ---- */

#define V NAME(vector)
#define W NAME(integers)
#define TABLE NAME(table)
#define LANES ((int)(VECTOR_BYTES / sizeof(REAL)))
#define VECTORS_OF(n) for (int q = 0; q < (n); q += LANES)

/* ---- what Python hands over, field for field as in network.py; what is not wanted is NULL ---- */

/* A layer as its tensors lie in memory, contiguous; what is not there is NULL. */
#define LAYER NAME(whole_layer)
typedef struct {
    const REAL *coef;                           /* (out, in, bases) */
    const REAL *scale_spline, *scale_base;      /* (out, in) */
    const REAL *bias;                           /* (out,) */
    const REAL *fill;                           /* (out, in) */
    const REAL *knots;                          /* (in, count) */
    const uint8_t *mask, *coef_mask;            /* (out, in), (out, in, bases) */
    int64_t n_in, n_out, count, k, base;
} LAYER;

#define NETWORK NAME(network)
typedef struct {
    const LAYER *layers;
    int64_t depth, batch;
    const REAL *x;                 /* (batch, in), with the strides below */
    int64_t x_row, x_column;
    REAL *y;                       /* (batch, out) */
    const REAL *grad;              /* of y */
    REAL *grad_x;                  /* (batch, in) */
    REAL *const *gradients;        /* in coef, scale_spline, scale_base and bias of each layer */
    const REAL *labels;            /* (batch, out), for an objective */
    void *kept;                    /* room for x and all that layers are made of, see `use_copies` */
    double lamb, l1, entropy;
    int64_t metric;
    double loss, reg;              /* the objective is loss + lamb * reg */
} NETWORK;

/* ---- a layer at work ---- */

/* How an array of numbers is spread about its mean. */
typedef struct {
    double n, mean, squares;
} NAME(spread_t);
#define SPREAD NAME(spread_t)

#define WORK NAME(work)
typedef struct {
    const LAYER *layer;
    int n_in, n_out, count, k, rows; /* rows: bases, and the base function */
    REAL *weight;                    /* (out, in, rows), 0 where pruned */
    REAL *offset;                    /* (out,) */
    REAL *steps;                     /* (in, count, k + 1): what each knot brings, see `prepare_steps` */
    REAL *tables;                    /* (in, tables(w), ENTRIES): what each span brings, see `prepare_tables` */
    REAL *pieces;                    /* (out, in, k + 1, ENTRIES): the polynomials of each edge, where no features are */
    REAL *x, *grad;                  /* (in, STRIP): the nodes below, and the gradient in them */
    REAL *values, *slopes;           /* (in, rows, STRIP) */
    V *sums, *bias_sums;             /* (out, in, rows), (out,): gradients, still in lanes */
    SPREAD *edges, *nodes;           /* (out, in), (in,) */
    double *edge_pull, *node_pull;   /* what the penalty asks of each, times its departure from the mean */
} WORK;

/* All memory of a network at work; `last` are its outputs and their gradient. */
#define ROOM NAME(whole_room)
typedef struct {
    WORK work[MAX_DEPTH];
    int depth;
    REAL *y, *grad;
    void *memory;
} ROOM;

/* Tables of an input; none where there are too many spans or powers for registers. */
INLINE int64_t NAME(tables)(const WORK *w) {
    return WIDE && w->k <= 3 && w->count - 1 <= ENTRIES ? 2 + (w->rows - 1) * (w->k + 1) : 0;
}

/* Lay out what a network needs in `memory`, or only count it where that is NULL. Gives the bytes. */
static int64_t NAME(lay_out)(const NETWORK *network, ROOM *room, int gradients, char *memory) {
    int64_t at = 0;
#define TAKE(field, n) (field = memory ? (void *)(memory + at) : NULL, at += ((n) * sizeof *(field) + 63) / 64 * 64)
    room->depth = (int)network->depth;
    for (int d = 0; d < room->depth; d++) {
        const LAYER *layer = &network->layers[d];
        WORK *w = &room->work[d];
        *w = (WORK){.layer = layer, .n_in = (int)layer->n_in, .n_out = (int)layer->n_out, .count = (int)layer->count,
                    .k = (int)layer->k, .rows = (int)(layer->count - layer->k)};
        const int64_t edges = layer->n_in * layer->n_out;
        TAKE(w->weight, edges * w->rows);
        TAKE(w->offset, w->n_out);
        TAKE(w->steps, layer->n_in * layer->count * (layer->k + 1));
        TAKE(w->tables, layer->n_in * NAME(tables)(w) * ENTRIES);
        TAKE(w->x, layer->n_in * STRIP);
        TAKE(w->values, layer->n_in * w->rows * STRIP);
        if (!gradients) TAKE(w->pieces, edges * (w->k + 1) * ENTRIES * (NAME(tables)(w) > 0));
        if (!gradients) continue;
        TAKE(w->sums, edges * w->rows);
        TAKE(w->bias_sums, w->n_out);
        TAKE(w->grad, layer->n_in * STRIP);
        TAKE(w->slopes, layer->n_in * w->rows * STRIP);
        TAKE(w->edges, edges);
        TAKE(w->nodes, layer->n_in);
        TAKE(w->edge_pull, edges);
        TAKE(w->node_pull, layer->n_in);
    }
    TAKE(room->y, room->work[room->depth - 1].n_out * STRIP);
    TAKE(room->grad, room->work[room->depth - 1].n_out * STRIP);
#undef TAKE
    return at;
}

static int NAME(take_whole_room)(const NETWORK *network, ROOM *room, int gradients) {
    room->memory = aligned(NAME(lay_out)(network, room, gradients, NULL));
    if (room->memory) NAME(lay_out)(network, room, gradients, room->memory);
    return room->memory != NULL;
}

INLINE int NAME(is_on)(const LAYER *layer, int64_t edge) { return !layer->mask || layer->mask[edge]; }
INLINE int NAME(is_coef_on)(const LAYER *layer, int64_t coef) { return !layer->coef_mask || layer->coef_mask[coef]; }

/* For knot j: itself, and 1 / (t[m + d + 1] - t[m]) for the bases of degree d = 0..k - 1 that end there, m = j - d - 1;
 * 0 where knots coincide, as the basis is. */
static void NAME(prepare_steps)(WORK *w, int i) {
    for (int j = 0; j < w->count; j++) {
        const REAL *t = w->layer->knots + i * w->count;
        REAL *step = w->steps + (i * w->count + j) * (w->k + 1);
        step[0] = t[j];
        for (int d = 0; d < w->k; d++) step[d + 1] = j > d && t[j] > t[j - d - 1] ? 1 / (t[j] - t[j - d - 1]) : 0;
    }
}

#if WIDE
/* The starts of an input's spans, one over their lengths, and then of each basis its polynomial on each span, a table a
 * power of the place in the span, highest first. */
INLINE void NAME(tabulate)(const int k, const REAL *knots, int count, REAL *tables) {
    REAL extended[2 * MAX_DEGREE + 3 * ENTRIES] = {0};
    TABLE pieces[4][4];
    NAME(extend)(extended, knots, 1, count, k);
    const REAL *t = extended + k;
    NAME(polynomials)(k, t, pieces);
    for (int span = 0; span < ENTRIES; span++) {
        tables[span] = span < count - 1 ? t[span] : (REAL)INFINITY;
        tables[ENTRIES + span] = span < count - 1 ? 1 / (t[span + 1] - t[span]) : 0;
    }
    memset(tables + 2 * ENTRIES, 0, (count - k - 1) * (k + 1) * ENTRIES * sizeof *tables);
    for (int m = 0; m < count - k - 1; m++)
        for (int r = 0; r <= k; r++)
            for (int p = 0; p <= k; p++) {
                const int span = m + k - r;
                tables[(2 + m * (k + 1) + k - p) * ENTRIES + span] = pieces[r][p].part[span / LANES][span % LANES];
            }
}

/* Whether there were to be tables for input i, and its spans follow each other; else their first number is nan. */
static int NAME(prepare_tables)(WORK *w, int i) {
    const int64_t size = NAME(tables)(w) * ENTRIES;
    const REAL *knots = w->layer->knots + i * w->count;
    REAL *tables = w->tables + i * size;
    int in_order = 1;
    for (int j = 1; j < w->count; j++) in_order &= knots[j - 1] <= knots[j];
    if (size && !in_order) tables[0] = (REAL)NAN;
    if (!size || !in_order) return 0;
#define TABULATE(k) NAME(tabulate)(k, knots, w->count, tables)
    BY_DEGREE(w->k, TABULATE)
#undef TABULATE
    return 1;
}

/* Bases at the points of a strip, each the polynomial of its span, and their slopes if asked to. */
INLINE void NAME(look_up_bases)(const int k, const REAL *tables, REAL last, int bases, const REAL *x, int n,
                                REAL *values, REAL *slopes) {
    const TABLE starts = NAME(table_at)(tables), inverse = NAME(table_at)(tables + ENTRIES);
    for (int q = 0; q < n; q += CHAINS * LANES) {
        V place[CHAINS], steep[CHAINS];
        W span[CHAINS];
        NAME(mask) inside[CHAINS];
        UNROLL for (int c = 0; c < CHAINS; c++) {
            const V v = NAME(load)(x + q + c * LANES);
            place[c] = NAME(find_place)(starts, inverse, tables[0], last, v, &span[c], &inside[c]);
            steep[c] = NAME(look_up)(inside[c], inverse, span[c]);
        }
        const REAL *piece = tables + 2 * ENTRIES;
        for (int m = 0; m < bases; m++, piece += (k + 1) * ENTRIES) {
            TABLE power[4];
            UNROLL for (int d = 0; d <= k; d++) power[d] = NAME(table_at)(piece + d * ENTRIES);
            UNROLL for (int c = 0; c < CHAINS; c++) {
                V value = NAME(look_up)(inside[c], power[0], span[c]), slope = {0};
                UNROLL for (int d = 1; d <= k; d++) {
                    if (slopes) slope = slope * place[c] + value;
                    value = value * place[c] + NAME(look_up)(inside[c], power[d], span[c]);
                }
                NAME(store)(values + m * STRIP + q + c * LANES, value);
                if (slopes) NAME(store)(slopes + m * STRIP + q + c * LANES, slope * steep[c]);
            }
        }
    }
}

/* Whether there were tables for input i. */
static int NAME(look_up_strip)(const WORK *w, int i, int n, REAL *values, REAL *slopes) {
    const int64_t size = NAME(tables)(w) * ENTRIES;
    const REAL *tables = w->tables + i * size, last = w->layer->knots[(i + 1) * w->count - 1], *x = w->x + i * STRIP;
    if (!size || tables[0] != tables[0]) return 0;
#define LOOK(k)                                                                                                        \
    if (slopes) NAME(look_up_bases)(k, tables, last, w->rows - 1, x, n, values, slopes);                               \
    else NAME(look_up_bases)(k, tables, last, w->rows - 1, x, n, values, NULL)
    BY_DEGREE(w->k, LOOK)
#undef LOOK
    return 1;
}

/* Of each edge its polynomial on each span, if there are tables for all inputs. */
static int NAME(prepare_pieces)(WORK *w) {
    const int64_t size = NAME(tables)(w) * ENTRIES, powers = (w->k + 1) * ENTRIES;
    for (int i = 0; i < w->n_in; i++)
        if (!size || w->tables[i * size] != w->tables[i * size]) return 0;
    for (int64_t e = 0; e < w->n_in * w->n_out; e++) {
        const REAL *tables = w->tables + e % w->n_in * size + 2 * ENTRIES, *weight = w->weight + e * w->rows;
        for (int64_t at = 0; at < powers; at += LANES) {
            V sum = {0};
            for (int m = 0; m + 1 < w->rows; m++) sum += NAME(load)(tables + m * powers + at) * weight[m];
            NAME(store)(w->pieces + e * powers + at, sum);
        }
    }
    return 1;
}

/* Add the edges of a layer at the points of a strip, each the polynomial of its span and the base function. */
INLINE void NAME(add_pieces)(const int k, const WORK *w, int n, REAL *y) {
    const int64_t size = NAME(tables)(w) * ENTRIES;
    for (int i = 0; i < w->n_in; i++) {
        const REAL *tables = w->tables + i * size, last = w->layer->knots[(i + 1) * w->count - 1], *x = w->x + i * STRIP;
        const TABLE starts = NAME(table_at)(tables), inverse = NAME(table_at)(tables + ENTRIES);
        NAME(base_values)((int)w->layer->base, x, n, w->values, NULL);
        for (int q = 0; q < n; q += CHAINS * LANES) {
            V place[CHAINS];
            W span[CHAINS];
            NAME(mask) inside[CHAINS];
            UNROLL for (int c = 0; c < CHAINS; c++)
                place[c] = NAME(find_place)(starts, inverse, tables[0], last, NAME(load)(x + q + c * LANES), &span[c],
                                            &inside[c]);
            for (int o = 0; o < w->n_out; o++) {
                const int64_t e = o * w->n_in + i;
                if (!NAME(is_on)(w->layer, e)) continue;
                const REAL scale = w->weight[e * w->rows + w->rows - 1];
                TABLE power[4];
                UNROLL for (int d = 0; d <= k; d++)
                    power[d] = NAME(table_at)(w->pieces + (e * (k + 1) + d) * ENTRIES);
                UNROLL for (int c = 0; c < CHAINS; c++) {
                    REAL *to = y + o * STRIP + q + c * LANES;
                    V value = NAME(look_up)(inside[c], power[0], span[c]);
                    UNROLL for (int d = 1; d <= k; d++)
                        value = value * place[c] + NAME(look_up)(inside[c], power[d], span[c]);
                    NAME(store)(to, NAME(load)(to) + (value + NAME(load)(w->values + q + c * LANES) * scale));
                }
            }
        }
    }
}

/* Whether the outputs of a strip could be had without features. */
static int NAME(evaluate_pieces)(const WORK *w, int n, REAL *y) {
    if (!w->pieces) return 0;
    for (int o = 0; o < w->n_out; o++) VECTORS_OF(n) NAME(store)(y + o * STRIP + q, NAME(splat)(w->offset[o]));
#define ADD(k) NAME(add_pieces)(k, w, n, y)
    BY_DEGREE(w->k, ADD)
#undef ADD
    return 1;
}
#else
static int NAME(prepare_pieces)(WORK *w) {
    (void)w;
    return 0;
}
static int NAME(evaluate_pieces)(const WORK *w, int n, REAL *y) {
    (void)w, (void)n, (void)y;
    return 0;
}
static int NAME(prepare_tables)(WORK *w, int i) {
    (void)w, (void)i;
    return 0;
}
static int NAME(look_up_strip)(const WORK *w, int i, int n, REAL *values, REAL *slopes) {
    (void)w, (void)i, (void)n, (void)values, (void)slopes;
    return 0;
}
#endif

static void NAME(prepare_inputs)(WORK *w) {
    for (int i = 0; i < w->n_in; i++)
        if (!NAME(prepare_tables)(w, i)) NAME(prepare_steps)(w, i);
}

static void NAME(prepare_weights)(WORK *w) {
    const LAYER *layer = w->layer;
    const int bases = w->rows - 1;
    for (int o = 0; o < w->n_out; o++) {
        double offset = layer->bias ? layer->bias[o] : 0;
        for (int64_t i = 0; i < w->n_in; i++) {
            const int64_t edge = o * w->n_in + i;
            REAL *weight = w->weight + edge * w->rows;
            if (!NAME(is_on)(layer, edge)) {
                memset(weight, 0, w->rows * sizeof *weight);
                offset += layer->fill ? layer->fill[edge] : 0;
                continue;
            }
            const REAL *coef = layer->coef + edge * bases, scale = layer->scale_spline[edge];
            for (int m = 0; m < bases; m++)
                weight[m] = NAME(is_coef_on)(layer, edge * bases + m) ? coef[m] * scale : 0;
            weight[bases] = layer->scale_base[edge];
        }
        w->offset[o] = (REAL)offset;
    }
}

/* ---- features of a strip ---- */

/* De Boor's recursion on bases over the length of their support, one knot after the other: at knot j ends a basis of
 * each degree, made of two of the degree below, of which one ended at the knot before. */
INLINE void NAME(pass_knots)(const int k, const REAL *steps, int count, V x, REAL *values, REAL *slopes) {
    V distance[MAX_DEGREE + 1] = {0}, before[MAX_DEGREE] = {0};
    W was_above = {0};
    for (int j = 0; j < count; j++, steps += k + 1) {
        const V here = x - steps[0];
        const W above = (W)(here >= 0);
        V ended = (V)(was_above & ~above & (W)NAME(splat)(steps[1]));
        UNROLL for (int d = 1; d <= k; d++) {
            const V next = distance[d] * before[d - 1] - here * ended;
            if (d == k && j > k) {
                NAME(store)(values + (j - k - 1) * STRIP, next);
                if (slopes) NAME(store)(slopes + (j - k - 1) * STRIP, (before[k - 1] - ended) * (REAL)k);
            }
            before[d - 1] = ended;
            ended = next * steps[d + 1]; /* of the last degree: not used */
        }
        UNROLL for (int d = k; d > 0; d--) distance[d] = distance[d - 1];
        distance[0] = here;
        was_above = above;
    }
}

WHOLE void NAME(pass_any)(int k, const REAL *steps, int count, V x, REAL *values, REAL *slopes) {
    NAME(pass_knots)(k, steps, count, x, values, slopes);
}

static void NAME(fill_strip)(WORK *w, int n, int slopes_too) {
    for (int i = 0; i < w->n_in; i++) {
        const REAL *x = w->x + i * STRIP, *t = w->layer->knots + i * w->count;
        const REAL low = 2 * t[0] - t[1], high = 2 * t[w->count - 1] - t[w->count - 2];
        const REAL *steps = w->steps + i * w->count * (w->k + 1);
        REAL *values = w->values + i * w->rows * STRIP, *slopes = slopes_too ? w->slopes + i * w->rows * STRIP : NULL;
        const int base = (w->rows - 1) * STRIP;
        NAME(base_values)((int)w->layer->base, x, n, values + base, slopes ? slopes + base : NULL);
        if (NAME(look_up_strip)(w, i, n, values, slopes)) continue;
        VECTORS_OF(n) {
            const V v = NAME(load)(x + q); /* all bases are 0 from one span outside on; nan stays nan */
            const V near = NAME(choose)((W)(v < low), NAME(splat)(low),
                                        NAME(choose)((W)(v > high), NAME(splat)(high), v));
            REAL *s = slopes ? slopes + q : NULL;
            switch (w->k) {
            case 2: NAME(pass_knots)(2, steps, w->count, near, values + q, s); break;
            case 3: NAME(pass_knots)(3, steps, w->count, near, values + q, s); break;
            default: NAME(pass_any)(w->k, steps, w->count, near, values + q, s);
            }
        }
    }
}

/* to[q] = sum of weight[f] * from[f][q] */
static void NAME(combine)(const REAL *weight, const REAL *from, int rows, int n, REAL *to) {
    for (int q = 0; q < n; q += CHAINS * LANES) {
        V sum[CHAINS] = {0};
        for (int f = 0; f < rows; f++)
            UNROLL for (int c = 0; c < CHAINS; c++)
                sum[c] += NAME(load)(from + f * STRIP + q + c * LANES) * weight[f];
        UNROLL for (int c = 0; c < CHAINS; c++) NAME(store)(to + q + c * LANES, sum[c]);
    }
}

/* sums[f] += with[q] * from[f][q] */
static void NAME(correlate)(const REAL *with, const REAL *from, int rows, int n, V *sums) {
    for (int q = 0; q < n; q += CHAINS * LANES) {
        V w[CHAINS];
        UNROLL for (int c = 0; c < CHAINS; c++) w[c] = NAME(load)(with + q + c * LANES);
        for (int f = 0; f < rows; f++) {
            V part[CHAINS];
            UNROLL for (int c = 0; c < CHAINS; c++) part[c] = w[c] * NAME(load)(from + f * STRIP + q + c * LANES);
            sums[f] += (part[0] + part[1]) + (part[2] + part[3]);
        }
    }
}

INLINE void NAME(clear_rest)(REAL *values, int n, int padded) {
    for (int q = n; q < padded; q++) values[q] = 0;
}

/* ---- how values are spread ---- */

/* Add n values, of a strip padded with anything; the update is that of Chan, Golub and LeVeque (1979). */
static void NAME(add_spread)(SPREAD *s, REAL *values, int n, int padded) {
    NAME(clear_rest)(values, n, padded);
    V sum = {0}, squares = {0};
    VECTORS_OF(padded) sum += NAME(load)(values + q);
    const double mean = (double)NAME(total)(sum) / n, apart = mean - s->mean, all = s->n + n;
    REAL centred[STRIP];
    VECTORS_OF(padded) NAME(store)(centred + q, NAME(load)(values + q) - (REAL)mean);
    NAME(clear_rest)(centred, n, padded);
    VECTORS_OF(padded) squares += NAME(load)(centred + q) * NAME(load)(centred + q);
    s->mean += apart * n / all;
    s->squares += (double)NAME(total)(squares) + apart * apart * s->n * n / all;
    s->n = all;
}

/* to[q] += pull * (values[q] - mean), for the n values that there are */
static void NAME(pull_apart)(REAL *to, const REAL *values, double pull, double mean, int n, int padded) {
    REAL added[STRIP];
    VECTORS_OF(padded) NAME(store)(added + q, (NAME(load)(values + q) - (REAL)mean) * (REAL)pull);
    NAME(clear_rest)(added, n, padded);
    VECTORS_OF(padded) NAME(store)(to + q, NAME(load)(to + q) + NAME(load)(added + q));
}

/* ---- forward and backward for a strip ---- */

static void NAME(read_strip)(const NETWORK *network, ROOM *room, int64_t first, int n, int padded) {
    const WORK *w = &room->work[0];
    for (int i = 0; i < w->n_in; i++) {
        const REAL *from = network->x + first * network->x_row + i * network->x_column;
        for (int q = 0; q < n; q++) w->x[i * STRIP + q] = from[q * network->x_row];
        NAME(clear_rest)(w->x + i * STRIP, n, padded);
    }
}

static void NAME(forward_strip)(ROOM *room, int n, int padded, int slopes, int spreads, int outputs) {
    for (int d = 0; d < room->depth; d++) {
        WORK *w = &room->work[d];
        REAL *y = d + 1 < room->depth ? room->work[d + 1].x : room->y, edge[STRIP];
        if (NAME(evaluate_pieces)(w, padded, y)) continue;
        NAME(fill_strip)(w, padded, slopes && (d || slopes > 1));
        for (int i = 0; spreads && i < w->n_in; i++) NAME(add_spread)(&w->nodes[i], w->x + i * STRIP, n, padded);
        if (!outputs && d + 1 == room->depth) break;
        for (int o = 0; o < w->n_out; o++) {
            REAL *to = y + o * STRIP;
            VECTORS_OF(padded) NAME(store)(to + q, NAME(splat)(w->offset[o]));
            for (int i = 0; i < w->n_in; i++) {
                const int64_t e = o * w->n_in + i;
                if (!NAME(is_on)(w->layer, e)) continue;
                NAME(combine)(w->weight + e * w->rows, w->values + i * w->rows * STRIP, w->rows, padded, edge);
                if (spreads) NAME(add_spread)(&w->edges[e], edge, n, padded);
                VECTORS_OF(padded) NAME(store)(to + q, NAME(load)(to + q) + NAME(load)(edge + q));
            }
        }
    }
}

/* After `forward_strip` with slopes; the gradient in the outputs is in the room, 0 from n on. */
static void NAME(backward_strip)(ROOM *room, int n, int padded, int x_too, int pulls) {
    for (int d = room->depth - 1; d >= 0; d--) {
        WORK *w = &room->work[d];
        const REAL *grads = d + 1 < room->depth ? room->work[d + 1].grad : room->grad;
        const int down = d || x_too;
        REAL edge[STRIP], slope[STRIP], grad[STRIP];
        if (down) memset(w->grad, 0, w->n_in * STRIP * sizeof *w->grad);
        for (int o = 0; o < w->n_out; o++) {
            VECTORS_OF(padded) w->bias_sums[o] += NAME(load)(grads + o * STRIP + q);
            for (int i = 0; i < w->n_in; i++) {
                const int64_t e = o * w->n_in + i;
                if (!NAME(is_on)(w->layer, e)) continue;
                const REAL *weight = w->weight + e * w->rows, *g = grads + o * STRIP;
                if (pulls && w->edge_pull[e]) {
                    NAME(combine)(weight, w->values + i * w->rows * STRIP, w->rows, padded, edge);
                    memcpy(grad, g, padded * sizeof *grad);
                    NAME(pull_apart)(grad, edge, w->edge_pull[e], w->edges[e].mean, n, padded);
                    g = grad;
                }
                NAME(correlate)(g, w->values + i * w->rows * STRIP, w->rows, padded, w->sums + e * w->rows);
                if (!down) continue;
                NAME(combine)(weight, w->slopes + i * w->rows * STRIP, w->rows, padded, slope);
                REAL *to = w->grad + i * STRIP;
                VECTORS_OF(padded) NAME(store)(to + q, NAME(load)(to + q) + NAME(load)(slope + q) * NAME(load)(g + q));
            }
        }
        for (int i = 0; pulls && d && i < w->n_in; i++)
            if (w->node_pull[i])
                NAME(pull_apart)(w->grad + i * STRIP, w->x + i * STRIP, w->node_pull[i], w->nodes[i].mean, n, padded);
    }
}

/* From sums to the gradients in what the weights are made of. */
static void NAME(write_gradients)(const NETWORK *network, const ROOM *room) {
    for (int d = 0; d < room->depth; d++) {
        const WORK *w = &room->work[d];
        const LAYER *layer = w->layer;
        const int bases = w->rows - 1;
        REAL *const *to = network->gradients + 4 * d, *coef = to[0], *scale_spline = to[1], *scale_base = to[2];
        for (int o = 0; to[3] && o < w->n_out; o++) to[3][o] = NAME(total)(w->bias_sums[o]);
        for (int64_t e = 0; e < w->n_in * w->n_out; e++) {
            const int on = NAME(is_on)(layer, e);
            REAL spline = 0;
            for (int m = 0; m < bases; m++) {
                const int64_t c = e * bases + m;
                const REAL sum = on && NAME(is_coef_on)(layer, c) ? NAME(total)(w->sums[e * w->rows + m]) : 0;
                if (sum) spline += sum * layer->coef[c]; /* what is pruned may be nan */
                if (coef) coef[c] = sum ? sum * layer->scale_spline[e] : 0;
            }
            if (scale_spline) scale_spline[e] = spline;
            if (scale_base) scale_base[e] = on ? NAME(total)(w->sums[e * w->rows + bases]) : 0;
        }
    }
}

#define FOR_STRIPS(batch)                                                                                              \
    for (int64_t first = 0; first < (batch); first += STRIP)                                                           \
        for (int n = (batch) - first < STRIP ? (int)((batch) - first) : STRIP, once = 1,                               \
                 padded = (n + CHAINS * LANES - 1) / (CHAINS * LANES) * (CHAINS * LANES);                              \
             once; once = 0)

static void NAME(prepare_network)(ROOM *room, int gradients) {
    for (int d = 0; d < room->depth; d++) {
        WORK *w = &room->work[d];
        NAME(prepare_weights)(w);
        if (!gradients && !NAME(prepare_pieces)(w)) w->pieces = NULL;
        if (!gradients) continue;
        memset(w->sums, 0, w->n_in * w->n_out * w->rows * sizeof *w->sums);
        memset(w->bias_sums, 0, w->n_out * sizeof *w->bias_sums);
    }
}

static void NAME(prepare_knots)(ROOM *room) {
    for (int d = 0; d < room->depth; d++) NAME(prepare_inputs)(&room->work[d]);
}

/* ---- the objective of a training ---- */

/* The penalty of a layer, from the spreads of its edges and nodes, and what it asks of each: pykan's `reg`. */
static double NAME(penalise)(WORK *w, const NETWORK *network) {
    const int n_in = w->n_in, n_out = w->n_out, by_node = network->metric == STD_OVER_INPUT;
    const double ln2 = 0.6931471805599453, rows = (double)network->batch - 1;
    double total = 0;
    double *pull = w->edge_pull; /* first the size of each edge, and the slope of the penalty in it */
#define STD_OF(spread) sqrt((spread).squares / rows > SMALLEST ? (spread).squares / rows : SMALLEST)
#define SIZE(o, i) (STD_OF(w->edges[(o) * n_in + (i)]) / (by_node ? STD_OF(w->nodes[i]) + 0.1 : 1))
    if (network->metric == GROUPS) {
        for (int i = 0; i < n_in; i++) {
            double squares = 0, live = 0;
            for (int o = 0; o < n_out; o++) {
                squares += SIZE(o, i) * SIZE(o, i);
                live += NAME(is_on)(w->layer, o * n_in + i);
            }
            total += network->l1 * sqrt(squares * live);
            for (int o = 0; o < n_out; o++) pull[o * n_in + i] = network->l1 * SIZE(o, i) * sqrt(live / squares);
        }
    } else {
        for (int e = 0; e < n_in * n_out; e++) {
            total += network->l1 * SIZE(e / n_in, e % n_in);
            pull[e] = network->l1;
        }
        for (int axis = 0; axis < 2; axis++) { /* shares among the edges into each node, and out of each */
            const int groups = axis ? n_in : n_out, members = axis ? n_out : n_in;
            for (int a = 0; a < groups; a++) {
                double sum = 1, mean = 0;
                for (int b = 0; b < members; b++) sum += axis ? SIZE(b, a) : SIZE(a, b);
                for (int b = 0; b < members; b++) {
                    const double share = (axis ? SIZE(b, a) : SIZE(a, b)) / sum, log = log2(share + 1e-4);
                    const double slope = -(log + share / ((share + 1e-4) * ln2)) / groups * network->entropy;
                    total -= network->entropy * share * log / groups;
                    mean += slope * share;
                    pull[axis ? b * n_in + a : a * n_in + b] += slope / sum;
                }
                for (int b = 0; b < members; b++) pull[axis ? b * n_in + a : a * n_in + b] -= mean / sum;
            }
        }
    }
    for (int i = 0; i < n_in; i++) {
        const double node = STD_OF(w->nodes[i]), over = by_node ? node + 0.1 : 1;
        double slope = 0;
        for (int o = 0; o < n_out; o++) {
            const double std = STD_OF(w->edges[o * n_in + i]), share = pull[o * n_in + i] * network->lamb / over;
            const int moves = w->edges[o * n_in + i].squares / rows > SMALLEST;
            slope -= share * std / over;
            pull[o * n_in + i] = moves ? share / (std * rows) : 0;
        }
        w->node_pull[i] = by_node && w->nodes[i].squares / rows > SMALLEST ? slope / (node * rows) : 0;
    }
#undef STD_OF
#undef SIZE
    return total;
}

/* The gradient of the squared error of a strip, into the room. Gives the sum of squares. */
static double NAME(squared_error)(const NETWORK *network, ROOM *room, int64_t first, int n, int padded) {
    const int n_out = room->work[room->depth - 1].n_out;
    const double numbers = (double)network->batch * n_out;
    double sum = 0;
    for (int o = 0; o < n_out; o++) {
        REAL *grad = room->grad + o * STRIP;
        for (int q = 0; q < n; q++) grad[q] = room->y[o * STRIP + q] - network->labels[(first + q) * n_out + o];
        NAME(clear_rest)(grad, n, padded);
        V squares = {0};
        VECTORS_OF(padded) {
            const V error = NAME(load)(grad + q);
            squares += error * error;
            NAME(store)(grad + q, error * (REAL)(2 / numbers));
        }
        sum += NAME(total)(squares);
    }
    return sum / numbers;
}

/* Mean squared error and penalty, and their gradient in what is wanted. */
static double NAME(objective)(NETWORK *network, ROOM *room) {
    const int penalised = network->metric != NO_PENALTY;
    NAME(prepare_network)(room, 1);
    network->loss = network->reg = 0;
    if (penalised) {
        for (int d = 0; d < room->depth; d++) {
            WORK *w = &room->work[d];
            memset(w->edges, 0, w->n_in * w->n_out * sizeof *w->edges);
            memset(w->nodes, 0, w->n_in * sizeof *w->nodes);
        }
        FOR_STRIPS(network->batch) {
            NAME(read_strip)(network, room, first, n, padded);
            NAME(forward_strip)(room, n, padded, 0, 1, 1);
        }
        for (int d = 0; d < room->depth; d++) network->reg += NAME(penalise)(&room->work[d], network);
    }
    FOR_STRIPS(network->batch) {
        NAME(read_strip)(network, room, first, n, padded);
        NAME(forward_strip)(room, n, padded, 1, 0, 1);
        network->loss += NAME(squared_error)(network, room, first, n, padded);
        NAME(backward_strip)(room, n, padded, 0, penalised);
    }
    NAME(write_gradients)(network, room);
    return network->loss + network->lamb * network->reg;
}

/* ---- L-BFGS with a strong Wolfe line search, as torch.optim.LBFGS has it ---- */

/* What is kept from one step to the next; vectors have `n` numbers, zeros up to `padded`, and lie in `memory`. */
#define MINIMISER NAME(minimiser)
typedef struct {
    NETWORK *network;  /* its trained parameters lie in `theta`, and their gradients go to `found` */
    REAL *theta, *found;
    REAL *memory;      /* (VECTORS, padded) */
    int64_t padded;
    double rate;       /* lr */
    int64_t iterations, stored;
    double step, scale, inverse[HISTORY]; /* the last step, the first guess of the Hessian, 1 / (y s) */
} MINIMISER;

#define VECTOR(m, i) ((m)->memory + (i) * (m)->padded)
#define TRIAL NAME(trial)
typedef struct {
    double at, loss, slope; /* along the direction */
    REAL *grad;
} TRIAL;

static double NAME(dot)(const MINIMISER *m, const REAL *a, const REAL *b) {
    V sum = {0};
    VECTORS_OF(m->padded) sum += NAME(load)(a + q) * NAME(load)(b + q);
    return NAME(total)(sum);
}

/* to = a + factor * b */
static void NAME(add_scaled)(const MINIMISER *m, REAL *to, const REAL *a, double factor, const REAL *b) {
    VECTORS_OF(m->padded) NAME(store)(to + q, NAME(load)(a + q) + NAME(load)(b + q) * (REAL)factor);
}

static double NAME(largest)(const MINIMISER *m, const REAL *a) {
    double most = 0;
    for (int64_t i = 0; i < m->padded; i++) most = fabs(a[i]) > most ? fabs(a[i]) : most;
    return most;
}

/* Evaluate at `at` along the direction. The gradient goes where none of the three others is. */
static TRIAL NAME(evaluate)(MINIMISER *m, ROOM *room, double at, const REAL *a, const REAL *b, const REAL *c) {
    TRIAL trial = {.at = at, .grad = VECTOR(m, GRADIENTS)};
    while (trial.grad == a || trial.grad == b || trial.grad == c) trial.grad += m->padded;
    NAME(add_scaled)(m, m->theta, VECTOR(m, START), at, VECTOR(m, DIRECTION));
    trial.loss = NAME(objective)(m->network, room);
    memcpy(trial.grad, m->found, m->padded * sizeof *m->found);
    trial.slope = NAME(dot)(m, trial.grad, VECTOR(m, DIRECTION));
    return trial;
}

/* Where the cubic through two trials is lowest, within bounds. */
static double NAME(interpolate)(TRIAL one, TRIAL two, double low, double high) {
    const double a = one.slope + two.slope - 3 * (one.loss - two.loss) / (one.at - two.at);
    const double square = a * a - one.slope * two.slope;
    if (!(square >= 0)) return (low + high) / 2;
    const TRIAL left = one.at <= two.at ? one : two, right = one.at <= two.at ? two : one;
    const double root = sqrt(square);
    const double at = right.at - (right.at - left.at) * ((right.slope + root - a) / (right.slope - left.slope + 2 * root));
    return at > high ? high : at < low ? low : at;
}

/* A point along the direction with enough less loss and slope; at most so many evaluations after the first. */
static TRIAL NAME(search)(MINIMISER *m, ROOM *room, TRIAL start, double at, int most, int *evaluations) {
    const double less = 1e-4, flatter = 0.9, norm = NAME(largest)(m, VECTOR(m, DIRECTION));
    TRIAL before = start, now = NAME(evaluate)(m, room, at, start.grad, NULL, NULL), low = start, high = now;
    int n = 0, done = 0, stuck = 0;
    for (; n < most; n++) { /* until there is a bracket */
        low = before, high = now;
        if (now.loss > start.loss + less * now.at * start.slope || (n > 1 && now.loss >= before.loss)) break;
        if ((done = fabs(now.slope) <= -flatter * start.slope)) low = now;
        if (done || now.slope >= 0) break;
        const double next = NAME(interpolate)(before, now, now.at + 0.01 * (now.at - before.at), now.at * 10);
        const TRIAL last = now;
        now = NAME(evaluate)(m, room, next, start.grad, last.grad, NULL);
        before = last;
    }
    if (n == most) low = start, high = now;
    while (!done) { /* until the bracket is narrow */
        if (!(low.loss <= high.loss)) {
            const TRIAL swapped = low;
            low = high, high = swapped;
        }
        const double from = fmin(low.at, high.at), to = fmax(low.at, high.at), edge = 0.1 * (to - from);
        if (n >= most || (to - from) * norm < 1e-9) break;
        double next = NAME(interpolate)(low, high, from, to);
        const int near = fmin(to - next, next - from) < edge;
        if (near && (stuck || next >= to || next <= from)) {
            next = fabs(next - to) < fabs(next - from) ? to - edge : from + edge;
            stuck = 0;
        } else stuck = near;
        now = NAME(evaluate)(m, room, next, start.grad, low.grad, high.grad);
        n++;
        if (now.loss > start.loss + less * now.at * start.slope || now.loss >= low.loss) high = now;
        else {
            done = fabs(now.slope) <= -flatter * start.slope;
            if (!done && now.slope * (high.at - low.at) >= 0) high = low;
            low = now;
        }
    }
    *evaluations += n + 1;
    return low;
}

/* Downhill from where the gradient is `grad`, by what earlier steps say of the curvature. */
static void NAME(turn)(MINIMISER *m, const REAL *grad) {
    REAL *direction = VECTOR(m, DIRECTION), *before = VECTOR(m, BEFORE);
    double share[HISTORY];
    if (m->iterations++) {
        const int64_t last = m->stored < HISTORY ? m->stored : HISTORY - 1;
        REAL *change = VECTOR(m, CHANGES + HISTORY), *step = change + m->padded; /* not yet among the others */
        NAME(add_scaled)(m, change, grad, -1, before);
        VECTORS_OF(m->padded) NAME(store)(step + q, NAME(load)(direction + q) * (REAL)m->step);
        const double curved = NAME(dot)(m, change, step);
        if (curved > 1e-10) {
            if (m->stored == HISTORY) {
                memmove(VECTOR(m, STEPS), VECTOR(m, STEPS + 1), last * m->padded * sizeof *step);
                memmove(VECTOR(m, CHANGES), VECTOR(m, CHANGES + 1), last * m->padded * sizeof *step);
                memmove(m->inverse, m->inverse + 1, last * sizeof *m->inverse);
            } else m->stored++;
            memcpy(VECTOR(m, STEPS + last), step, m->padded * sizeof *step);
            memcpy(VECTOR(m, CHANGES + last), change, m->padded * sizeof *step);
            m->inverse[last] = 1 / curved;
            m->scale = curved / NAME(dot)(m, change, change);
        }
    }
    VECTORS_OF(m->padded) NAME(store)(direction + q, -NAME(load)(grad + q));
    for (int64_t i = m->stored - 1; i >= 0; i--) {
        share[i] = NAME(dot)(m, VECTOR(m, STEPS + i), direction) * m->inverse[i];
        NAME(add_scaled)(m, direction, direction, -share[i], VECTOR(m, CHANGES + i));
    }
    if (m->stored) VECTORS_OF(m->padded) NAME(store)(direction + q, NAME(load)(direction + q) * (REAL)m->scale);
    for (int64_t i = 0; i < m->stored; i++) {
        const double other = NAME(dot)(m, VECTOR(m, CHANGES + i), direction) * m->inverse[i];
        NAME(add_scaled)(m, direction, direction, share[i] - other, VECTOR(m, STEPS + i));
    }
    memcpy(before, grad, m->padded * sizeof *before);
}

/* One step of the optimiser, of up to 20 iterations. */
static void NAME(minimise)(MINIMISER *m, ROOM *room) {
    const double nothing = 1e-32;
    const int most = 20, most_evaluations = 25;
    int evaluations = 1;
    TRIAL now = {.loss = NAME(objective)(m->network, room), .grad = VECTOR(m, GRADIENTS)};
    memcpy(now.grad, m->found, m->padded * sizeof *m->found);
    for (int i = 1; i <= most && NAME(largest)(m, now.grad) > nothing && evaluations < most_evaluations; i++) {
        NAME(turn)(m, now.grad);
        double sum = 0;
        for (int64_t j = 0; m->iterations == 1 && j < m->padded; j++) sum += fabs(now.grad[j]);
        m->step = m->rate * (sum > 1 ? 1 / sum : 1);
        now.at = 0, now.slope = NAME(dot)(m, now.grad, VECTOR(m, DIRECTION));
        if (now.slope > -nothing) break;
        memcpy(VECTOR(m, START), m->theta, m->padded * sizeof *m->theta);
        const double before = now.loss;
        now = NAME(search)(m, room, now, m->step, most_evaluations - evaluations, &evaluations);
        m->step = now.at;
        NAME(add_scaled)(m, m->theta, VECTOR(m, START), now.at, VECTOR(m, DIRECTION));
        if (NAME(largest)(m, VECTOR(m, DIRECTION)) * fabs(now.at) <= nothing || fabs(now.loss - before) < nothing) break;
    }
    NAME(objective)(m->network, room); /* the last evaluation was that of a trial */
}

/* ---- how edges are spread, from how the features of their input vary together ---- */

#define SPREADS NAME(spreads)
typedef struct {
    const REAL *x;                             /* (in, batch) */
    const REAL *knots;                         /* (in, count) */
    const REAL *coef;                          /* (out, in, bases) */
    const REAL *scale_spline, *scale_base;     /* (out, in) */
    const uint8_t *mask;                       /* (out, in) */
    double *mean, *covariance;                 /* (in, rows), (in, rows, rows): written forward, read backward */
    REAL *std;                                 /* (out, in): written forward, read backward */
    const REAL *grad;                          /* of std; forward NULL, and so are the others */
    REAL *grad_coef, *grad_spline, *grad_base;
    REAL *grad_x;
    int64_t n_in, n_out, batch, count, k, base, threads, failed;
} SPREADS;

/* Room for one input of a layer. */
#define INPUT NAME(input)
typedef struct {
    LAYER layer;
    WORK w;
    int64_t rows, wide;            /* `wide`: targets, up to whole vectors */
    double *apart, *shift, *sum;   /* (rows, STRIP), (rows,), (rows,) */
    double *weight, *product;      /* (rows, wide): the edges, and the covariance times them */
    double *share;                 /* (wide,) */
    REAL *mix, *asked;             /* (rows, rows), (2, STRIP) */
    void *memory;
} INPUT;

#define DOUBLES (VECTOR_BYTES / 8)

static int NAME(take_input)(const SPREADS *s, INPUT *in) {
    const int64_t rows = s->count - s->k, wide = (s->n_out + DOUBLES - 1) / DOUBLES * DOUBLES;
    *in = (INPUT){.rows = rows, .wide = wide};
    in->layer = (LAYER){.n_in = 1, .count = s->count, .k = s->k, .base = s->base};
    in->w = (WORK){.layer = &in->layer, .n_in = 1, .count = (int)s->count, .k = (int)s->k, .rows = (int)rows};
    char *memory = NULL;
    for (int turn = 0; turn < 2; turn++) { /* first it is only counted */
        int64_t at = 0;
#define TAKE(field, n) field = memory ? (void *)(memory + at) : NULL, at += ((n) * sizeof *(field) + 63) / 64 * 64
        TAKE(in->w.steps, s->count * (s->k + 1));
        TAKE(in->w.tables, NAME(tables)(&in->w) * ENTRIES);
        TAKE(in->w.x, STRIP);
        TAKE(in->w.values, rows * STRIP);
        TAKE(in->w.slopes, rows * STRIP);
        TAKE(in->apart, rows * STRIP);
        TAKE(in->shift, rows);
        TAKE(in->sum, rows);
        TAKE(in->weight, rows * wide);
        TAKE(in->product, rows * wide);
        TAKE(in->share, wide);
        TAKE(in->mix, rows * rows);
        TAKE(in->asked, 2 * STRIP);
#undef TAKE
        if (!turn && !(in->memory = memory = aligned(at))) return 0;
    }
    return 1;
}

static void NAME(read_input)(const SPREADS *s, INPUT *in, int64_t i, int64_t first, int n, int padded, int slopes) {
    memcpy(in->w.x, s->x + i * s->batch + first, n * sizeof *in->w.x);
    NAME(clear_rest)(in->w.x, n, padded);
    NAME(fill_strip)(&in->w, padded, slopes);
}

/* Sums of products in double, of departures from the mean of the first strip, which is near enough. */
static void NAME(measure_features)(const SPREADS *s, INPUT *in, int64_t i) {
    const int64_t rows = in->rows;
    double *covariance = s->covariance + i * rows * rows;
    memset(covariance, 0, rows * rows * sizeof *covariance);
    memset(in->sum, 0, rows * sizeof *in->sum);
    FOR_STRIPS(s->batch) {
        NAME(read_input)(s, in, i, first, n, padded, 0);
        for (int f = 0; f < rows; f++) {
            const REAL *from = in->w.values + f * STRIP;
            double *to = in->apart + f * STRIP, total = 0;
            for (int q = 0; !first && q < n; q++) total += from[q];
            if (!first) in->shift[f] = total / n;
            total = 0;
            for (int q = 0; q < n; q++) total += to[q] = from[q] - in->shift[f];
            for (int q = n; q < padded; q++) to[q] = 0;
            in->sum[f] += total;
        }
        for (int a = 0; a < rows; a++)
            for (int b = a; b < rows; b++) {
                const double *one = in->apart + a * STRIP, *two = in->apart + b * STRIP;
                vector_f64 even = {0}, odd = {0};
                for (int q = 0; q < padded; q += 2 * DOUBLES) {
                    even += load_f64(one + q) * load_f64(two + q);
                    odd += load_f64(one + q + DOUBLES) * load_f64(two + q + DOUBLES);
                }
                covariance[a * rows + b] += total_f64(even + odd);
            }
    }
    for (int a = 0; a < rows; a++) {
        s->mean[i * rows + a] = in->shift[a] + in->sum[a] / s->batch;
        for (int b = a; b < rows; b++)
            covariance[b * rows + a] = covariance[a * rows + b] =
                (covariance[a * rows + b] - in->sum[a] * in->sum[b] / s->batch) / (s->batch - 1);
    }
}

/* The edges out of an input, and the covariance times each of them. */
static void NAME(read_edges)(const SPREADS *s, INPUT *in, int64_t i) {
    const int64_t rows = in->rows, bases = rows - 1, wide = in->wide;
    const double *covariance = s->covariance + i * rows * rows;
    for (int64_t o = 0; o < wide; o++) {
        const int64_t edge = o * s->n_in + i;
        const int on = o < s->n_out && (!s->mask || s->mask[edge]);
        for (int m = 0; m < bases; m++)
            in->weight[m * wide + o] = on ? (double)s->coef[edge * bases + m] * s->scale_spline[edge] : 0;
        in->weight[bases * wide + o] = on ? s->scale_base[edge] : 0;
    }
    for (int a = 0; a < rows; a++)
        for (int64_t o = 0; o < wide; o += DOUBLES) {
            vector_f64 sum = {0};
            for (int b = 0; b < rows; b++) sum += load_f64(in->weight + b * wide + o) * covariance[a * rows + b];
            store_f64(in->product + a * wide + o, sum);
        }
}

static void NAME(spread_inputs)(void *job, int64_t start, int64_t stop) {
    SPREADS *s = job;
    INPUT in;
    if (!NAME(take_input)(s, &in)) s->failed = 1, stop = start;
    for (int64_t i = start; i < stop; i++) {
        in.layer.knots = s->knots + i * s->count;
        NAME(prepare_inputs)(&in.w);
        NAME(measure_features)(s, &in, i);
        NAME(read_edges)(s, &in, i);
        for (int64_t o = 0; o < s->n_out; o++) {
            double square = 0;
            for (int f = 0; f < in.rows; f++) square += in.weight[f * in.wide + o] * in.product[f * in.wide + o];
            s->std[o * s->n_in + i] = (REAL)sqrt(square > SMALLEST ? square : SMALLEST);
        }
    }
    free(in.memory);
}

/* The gradient in x, from what the edges ask of the features: `mix` times their departures from the mean. */
static void NAME(pull_points)(const SPREADS *s, INPUT *in, int64_t i) {
    const int64_t rows = in->rows, wide = in->wide;
    for (int a = 0; a < rows; a++)
        for (int b = a; b < rows; b++) {
            vector_f64 sum = {0};
            for (int64_t o = 0; o < wide; o += DOUBLES)
                sum += load_f64(in->weight + a * wide + o) * load_f64(in->weight + b * wide + o) * load_f64(in->share + o);
            in->mix[a * rows + b] = in->mix[b * rows + a] = (REAL)(total_f64(sum) / (s->batch - 1));
        }
    REAL *slope = in->asked + STRIP;
    FOR_STRIPS(s->batch) {
        NAME(read_input)(s, in, i, first, n, padded, 1);
        memset(slope, 0, STRIP * sizeof *slope);
        for (int f = 0; f < rows; f++)
            VECTORS_OF(padded) {
                REAL *at = in->w.values + f * STRIP + q;
                NAME(store)(at, NAME(load)(at) - (REAL)s->mean[i * rows + f]);
            }
        for (int f = 0; f < rows; f++) {
            NAME(combine)(in->mix + f * rows, in->w.values, (int)rows, padded, in->asked);
            const REAL *slopes = in->w.slopes + f * STRIP;
            VECTORS_OF(padded)
                NAME(store)(slope + q, NAME(load)(slope + q) + NAME(load)(slopes + q) * NAME(load)(in->asked + q));
        }
        memcpy(s->grad_x + i * s->batch + first, slope, n * sizeof *slope);
    }
}

static void NAME(pull_inputs)(void *job, int64_t start, int64_t stop) {
    SPREADS *s = job;
    INPUT in;
    if (!NAME(take_input)(s, &in)) s->failed = 1, stop = start;
    const int64_t bases = in.rows - 1;
    for (int64_t i = start; i < stop; i++) {
        in.layer.knots = s->knots + i * s->count;
        NAME(prepare_inputs)(&in.w);
        NAME(read_edges)(s, &in, i);
        memset(in.share, 0, in.wide * sizeof *in.share);
        for (int64_t o = 0; o < s->n_out; o++) {
            const int64_t edge = o * s->n_in + i;
            const double std = s->std[edge], share = std * std > 2 * SMALLEST ? s->grad[edge] / std : 0;
            in.share[o] = share;
            if (!s->grad_coef) continue;
            const int on = !s->mask || s->mask[edge];
            double spline = 0;
            for (int m = 0; m < bases; m++) {
                const double g = on ? in.product[m * in.wide + o] * share : 0;
                spline += g * s->coef[edge * bases + m];
                s->grad_coef[edge * bases + m] = (REAL)(g * s->scale_spline[edge]);
            }
            s->grad_spline[edge] = (REAL)spline;
            s->grad_base[edge] = on ? (REAL)(in.product[bases * in.wide + o] * share) : 0;
        }
        if (s->grad_x) NAME(pull_points)(s, &in, i);
    }
    free(in.memory);
}

/* ---- what a backward pass needs, kept where nobody changes it ---- */

/* A network of copies, and their layers. */
#define COPIES NAME(copies)
typedef struct {
    NETWORK network;
    LAYER layers[MAX_DEPTH];
} COPIES;

/* Let `copies` be the network in ``network->kept``, written there first if `fill`. Each part starts at a multiple of 8. */
static void NAME(use_copies)(const NETWORK *network, COPIES *copies, int fill) {
    char *memory = network->kept;
    int64_t at = 0;
    copies->network = *network;
    copies->network.layers = copies->layers;
#define COPY(field, from, n)                                                                                           \
    do {                                                                                                               \
        const int64_t bytes = (n) * (int64_t)sizeof *(from), room = (bytes + 7) / 8 * 8;                               \
        if (!(from)) break;                                                                                            \
        if (fill) {                                                                                                    \
            memcpy(memory + at, from, bytes);                                                                          \
            memset(memory + at + bytes, 0, room - bytes);                                                              \
        }                                                                                                              \
        field = (void *)(memory + at);                                                                                 \
        at += room;                                                                                                    \
    } while (0)
    for (int d = 0; d < network->depth; d++) {
        const LAYER *from = &network->layers[d];
        LAYER *to = &copies->layers[d];
        const int64_t edges = from->n_in * from->n_out, bases = from->count - from->k - 1;
        *to = *from;
        COPY(to->coef, from->coef, edges * bases);
        COPY(to->scale_spline, from->scale_spline, edges);
        COPY(to->scale_base, from->scale_base, edges);
        COPY(to->bias, from->bias, from->n_out);
        COPY(to->fill, from->fill, edges);
        COPY(to->knots, from->knots, from->n_in * from->count);
        COPY(to->mask, from->mask, edges);
        COPY(to->coef_mask, from->coef_mask, edges * bases);
    }
#undef COPY
    const int64_t n_in = network->layers[0].n_in;
    REAL *x = (REAL *)(memory + at);
    const int packed = network->x_column == 1 && network->x_row == n_in;
    if (fill && packed && network->batch) memcpy(x, network->x, network->batch * n_in * sizeof *x);
    for (int64_t b = 0; fill && !packed && b < network->batch; b++)
        for (int64_t i = 0; i < n_in; i++) x[b * n_in + i] = network->x[b * network->x_row + i * network->x_column];
    copies->network.x = x;
    copies->network.x_row = n_in;
    copies->network.x_column = 1;
}

/* ---- what Python calls ---- */

/* Bytes of the structs, to compare with Python's. */
int64_t NAME(kan_whole_layer_size)(void) { return sizeof(LAYER); }
int64_t NAME(kan_network_size)(void) { return sizeof(NETWORK); }

/* Write y, and what is to be kept where there is room for it. Gives 0, or NO_MEMORY. */
int NAME(kan_network_forward)(const NETWORK *network) {
    ROOM room;
    COPIES copies;
    if (network->kept) {
        NAME(use_copies)(network, &copies, 1);
        network = &copies.network;
    }
    if (!NAME(take_whole_room)(network, &room, 0)) return NO_MEMORY;
    NAME(prepare_knots)(&room);
    NAME(prepare_network)(&room, 0);
    const int n_out = room.work[room.depth - 1].n_out;
    FOR_STRIPS(network->batch) {
        NAME(read_strip)(network, &room, first, n, padded);
        NAME(forward_strip)(&room, n, padded, 0, 0, 1);
        for (int o = 0; o < n_out; o++)
            for (int q = 0; q < n; q++) network->y[(first + q) * n_out + o] = room.y[o * STRIP + q];
    }
    free(room.memory);
    return DONE;
}

/* Write the gradients that are wanted, of the network that was kept. Gives 0, or NO_MEMORY. */
int NAME(kan_network_backward)(const NETWORK *network) {
    ROOM room;
    COPIES copies;
    NAME(use_copies)(network, &copies, 0);
    network = &copies.network;
    if (!NAME(take_whole_room)(network, &room, 1)) return NO_MEMORY;
    NAME(prepare_knots)(&room);
    NAME(prepare_network)(&room, 1);
    const int n_out = room.work[room.depth - 1].n_out, n_in = room.work[0].n_in;
    FOR_STRIPS(network->batch) {
        NAME(read_strip)(network, &room, first, n, padded);
        NAME(forward_strip)(&room, n, padded, 1 + (network->grad_x != NULL), 0, 0);
        for (int o = 0; o < n_out; o++) {
            for (int q = 0; q < n; q++) room.grad[o * STRIP + q] = network->grad[(first + q) * n_out + o];
            NAME(clear_rest)(room.grad + o * STRIP, n, padded);
        }
        NAME(backward_strip)(&room, n, padded, network->grad_x != NULL, 0);
        for (int i = 0; network->grad_x && i < n_in; i++)
            for (int q = 0; q < n; q++) network->grad_x[(first + q) * n_in + i] = room.work[0].grad[i * STRIP + q];
    }
    NAME(write_gradients)(network, &room);
    free(room.memory);
    return DONE;
}

/* Write loss, reg and the gradients that are wanted. Gives 0, or NO_MEMORY. */
int NAME(kan_network_objective)(NETWORK *network) {
    ROOM room;
    if (!NAME(take_whole_room)(network, &room, 1)) return NO_MEMORY;
    NAME(prepare_knots)(&room);
    NAME(objective)(network, &room);
    free(room.memory);
    return DONE;
}

int64_t NAME(kan_spreads_size)(void) { return sizeof(SPREADS); }

/* Write std with mean and covariance, or where there is a gradient those that are wanted. Gives 0, or NO_MEMORY. */
int NAME(kan_network_spreads)(SPREADS *s) {
    in_parallel(s->grad ? NAME(pull_inputs) : NAME(spread_inputs), s, s->n_in, s->threads);
    return s->failed ? NO_MEMORY : DONE;
}

/* Vectors that a minimiser needs. */
int64_t NAME(kan_minimiser_vectors)(void) { return VECTORS; }
int64_t NAME(kan_minimiser_size)(void) { return sizeof(MINIMISER); }

/* One step of L-BFGS; loss and reg are those after it. Gives 0, or NO_MEMORY. */
int NAME(kan_network_minimise)(MINIMISER *minimiser) {
    ROOM room;
    if (!NAME(take_whole_room)(minimiser->network, &room, 1)) return NO_MEMORY;
    NAME(prepare_knots)(&room);
    NAME(minimise)(minimiser, &room);
    free(room.memory);
    return DONE;
}

#undef V
#undef W
#undef LANES
#undef VECTORS_OF
#undef LAYER
#undef NETWORK
#undef COPIES
#undef SPREAD
#undef WORK
#undef ROOM
#undef FOR_STRIPS
#undef MINIMISER
#undef TRIAL
#undef SPREADS
#undef INPUT
#undef DOUBLES
#undef VECTOR
#endif
