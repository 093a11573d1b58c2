"""In the firmware as it is linked, what handles secret numbers has no branch on them: link-time optimisation could bring one in.

usage: run_constant_time.py NODE.elf IFLOWCTL (which isn't needed)

For each of Mbed TLS's functions that must take the same time whatever the numbers are: how many conditional branches it has. Those that are allowed were
looked at: they ask for the end of a loop, for equal pointers, or whether it's time for a pause. An IT block takes the same time either way on a Cortex-M3."""

import re
import subprocess
import sys

BRANCH = re.compile(r"^(?:b(?:eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)(?:\.[nw])?|cbn?z|tb[bh])$")
# name: conditional branches.
ALLOWED = {
    "mbedtls_mpi_core_cond_assign": 2,  # the same place, the loop
    "mbedtls_mpi_core_cond_swap": 1,  # the loop; gcc asks for the same place in the callers
    "mbedtls_mpi_core_add_if": 1,
    "mbedtls_mpi_core_sub": 1,
    "mbedtls_mpi_core_lt_ct": 2,  # the loop, a pause
    "mbedtls_mpi_core_mla": 5,  # three loops, whether there are eight limbs, a pause
    "mbedtls_mpi_core_montmul": 3,  # rows; words and bytes of the final choice
    "mbedtls_mpi_core_exp_mod_optionally_safe": 10,  # bits and limbs of the exponent, its window, the table, twice whether the exponent is public
    "mbedtls_ct_memcmp": 2,
    "mbedtls_ct_bool": 0,
    "mbedtls_ct_uint_lt": 0,
    "mbedtls_ct_uint_ne": 0,
}
# These may be merged into their callers, and are counted there.
SMALL = {"mbedtls_ct_bool", "mbedtls_ct_uint_lt", "mbedtls_ct_uint_ne"}


def functions(elf):
    """name: its mnemonics"""
    text = subprocess.run(["arm-none-eabi-objdump", "-d", "--no-show-raw-insn", elf], capture_output=True, text=True, check=True).stdout
    for name, body in re.findall(r"^\w+ <([^>]+)>:\n((?:.+\n)+)", text, re.MULTILINE):
        yield re.sub(r"\.(?:lto_priv|isra|constprop|part)\b.*", "", name), re.findall(r"^ +\w+:\t(\S+)", body, re.MULTILINE)


def main():
    found = {name: sum(bool(BRANCH.match(word)) for word in words) for name, words in functions(sys.argv[1]) if name in ALLOWED}
    wrong = 0
    for name, allowed in ALLOWED.items():
        if name not in found and name not in SMALL:
            wrong += 1
            print(f"{name} isn't in the image: look where it is, and at its branches there, and put that into run_constant_time.py")
        elif found.get(name, allowed) != allowed:
            wrong += 1
            print(f"{name} has {found[name]} conditional branches instead of {allowed}: does one depend on a number?")
    if wrong:
        sys.exit(1)
    print(f"{len(found)} functions have no branch but those that are known")


if __name__ == "__main__":
    main()
