/* curve_node.c: the two curves of a node. Mbed TLS's way to reduce fast (MBEDTLS_ECP_NIST_OPTIM) is a function without loops for each prime, 1.8 KB; this one
 * is 0.3 KB and takes as long. mbedtls_ecp_group_load() is in the place of the one in ecp_curves.c, which gets another name (cmake/dependencies.cmake), and
 * sets what that one leaves out: `modp` of mbedtls/ecp.h. */
#define MBEDTLS_ALLOW_PRIVATE_ACCESS
#include <mbedtls/ecp.h>

#include "curve_reduce.h"

int ifl_ecp_group_load(mbedtls_ecp_group *grp, mbedtls_ecp_group_id id);

_Static_assert(sizeof(mbedtls_mpi_uint) == sizeof(uint32_t), "limbs are words");

static int reduce(mbedtls_mpi *number, const struct curve_prime *prime)
{
    int ret = mbedtls_mpi_grow(number, 2u * prime->words);
    if (ret == 0)
        curve_reduce(number->p, prime);
    return ret;
}

static int reduce_p256(mbedtls_mpi *number)
{
    return reduce(number, &curve_p256);
}

static int reduce_p384(mbedtls_mpi *number)
{
    return reduce(number, &curve_p384);
}

int mbedtls_ecp_group_load(mbedtls_ecp_group *grp, mbedtls_ecp_group_id id)
{
    int ret = ifl_ecp_group_load(grp, id);
    grp->modp = id == MBEDTLS_ECP_DP_SECP384R1 ? reduce_p384 : reduce_p256;
    return ret;
}
