/* crc32c.h: the Castagnoli CRC (RFC 3720 appendix B.4), as used in every stored format.
 *
 * crc32c(0, "123456789", 9) is 0xE3069283. To go on over several pieces, pass the result so far as `crc`. A start value other
 * than 0 seeds the check sum: bytes of another owner then never validate. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *data, size_t size);

#endif
