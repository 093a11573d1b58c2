/* dice.c: chance from one seed, and the record of what happened. */
#include <stdarg.h>
#include <stdio.h>

#include "sim.h"

struct world world;

static uint64_t streams[DICE_COUNT];

void dice_start(uint64_t seed)
{
    uint64_t state = seed;
    for (size_t i = 0; i < DICE_COUNT; i++)
        streams[i] = flash_double_random(&state);
}

uint64_t dice_u64(enum dice dice)
{
    return flash_double_random(&streams[dice]);
}

uint64_t dice_below(enum dice dice, uint64_t bound)
{
    return dice_u64(dice) % bound;
}

uint64_t dice_between(enum dice dice, uint64_t from, uint64_t to)
{
    return from + dice_below(dice, to - from + 1);
}

uint64_t dice_span(enum dice dice, uint64_t from, uint64_t to)
{
    unsigned doublings = 0;
    while (doublings < 63 && from << doublings < to)
        doublings++;
    uint64_t low = from << dice_below(dice, doublings + 1);
    uint64_t value = dice_between(dice, low, 2 * low);
    return value < to ? value : to;
}

bool dice_chance(enum dice dice, unsigned per_mille)
{
    return dice_below(dice, 1000) < per_mille;
}

static void mix(uint64_t value)
{
    world.hash = (world.hash ^ value) * UINT64_C(0x9E3779B97F4A7C15);
    world.hash ^= world.hash >> 29;
}

static void print_time(void)
{
    unsigned long long s = world.now / SECOND;
    printf("%3llu d %02llu:%02llu:%02llu.%03llu  ", s / 86400, s / 3600 % 24, s / 60 % 60, s % 60,
           (unsigned long long)(world.now % SECOND));
}

void note(enum note what, uint64_t first, int64_t second)
{
    static const char *const words[] = {
#define X(name, text) text,
        SIM_NOTES(X)
#undef X
    };
    mix(world.now);
    mix((uint64_t)what);
    mix(first);
    mix((uint64_t)second);
    world.note_count++;
    if (world.story) {
        print_time();
        printf(words[what], (unsigned long long)first, (long long)second);
        putchar('\n');
    }
}

void note_words(const char *format, ...)
{
    if (!world.story)
        return;
    va_list arguments;
    va_start(arguments, format);
    print_time();
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

void broken(const char *format, ...)
{
    if (world.broken)
        return;
    va_list arguments;
    va_start(arguments, format);
    world.broken = true;
    vsnprintf(world.what, sizeof world.what, format, arguments);
    va_end(arguments);
    note_words("BROKEN: %s", world.what);
}
