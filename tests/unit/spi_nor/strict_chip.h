/* strict_chip.h: a serial NOR chip that forgives nothing, for the test of its driver.
 *
 * What the datasheets forbid or leave open is counted as a violation, the first one is kept in words:
 *  - a program or erase without write enable before it, or an enable that nobody used or took back;
 *  - a program that runs over the end of its page (the chip wraps, as real ones do);
 *  - a program of a granule that isn't blank;
 *  - an erase that isn't aligned to a sector, an erase command of another size;
 *  - any command but "read status" while the chip works; an unknown command; one of the wrong length.
 * Time is virtual: each look at the clock and each transfer takes a millisecond. */
#ifndef STRICT_CHIP_H
#define STRICT_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "spi_nor/spi_nor.h"

#define CHIP_SIZE (16u << 20)

struct strict_chip {
    struct spi_nor_bus bus; /* what the driver gets */
    uint8_t id[SPI_NOR_ID_SIZE];
    bool absent;         /* nothing on the bus: it reads all ones */
    uint8_t protection;  /* status bits 2..4 */
    uint32_t busy_polls; /* so many looks at the status after a program or erase say "busy" */
    bool stuck;          /* it never gets ready again */
    bool ignores_enable; /* write enable has no effect (a protected or broken chip) */
    bool fails;          /* the next program or erase sets the error bits (parts that have them) */

    uint8_t *bytes;
    ifl_ms now;
    bool write_enabled, busy;
    uint32_t polls_left;
    uint8_t error_bits;
    unsigned programs, erases, violations;
    char violation[120];
};

void strict_chip_init(struct strict_chip *chip);
void strict_chip_free(struct strict_chip *chip);
/* Start to work on something that outlives a reset of the CPU. */
void strict_chip_begin_work(struct strict_chip *chip, uint32_t polls);

#endif
