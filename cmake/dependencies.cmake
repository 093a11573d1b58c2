# Third-party sources, built here with our own configuration: targets mbedtls, cjson, unity.
#
# The sources are fetched by `./dev deps` (cmake/deps.lock says which, cmake/fetch-deps.sh how). Who has them elsewhere, e.g. in
# a Yocto recipe, gives -DMBEDTLS_SOURCE_DIR=… -DCJSON_SOURCE_DIR=…

include_guard(GLOBAL)

set(IFL_DEPS_DIR ${PROJECT_SOURCE_DIR}/build/deps/src)
set(IFL_DEPS_CONFIG_DIR ${PROJECT_SOURCE_DIR}/cmake/config)

# Cache variable <VARIABLE>: where the sources of `name` are; `probe` is a file that must be there.
function(ifl_find_sources variable name probe)
  set(${variable} ${IFL_DEPS_DIR}/${name} CACHE PATH "Sources of ${name}")
  if(NOT EXISTS ${${variable}}/${probe})
    message(FATAL_ERROR "The sources of ${name} are not in ${${variable}} (${probe} is missing). "
                        "Remedy: run `./dev deps`, or give -D${variable}=<directory>.")
  endif()
endfunction()

# A static library of other people's code: its headers are system headers for us, its warnings are not ours to mend.
function(ifl_third_party target)
  cmake_parse_arguments(PARTY "" "" "SOURCES;INCLUDE" ${ARGN})
  add_library(${target} STATIC ${PARTY_SOURCES})
  target_include_directories(${target} SYSTEM PUBLIC ${PARTY_INCLUDE} ${IFL_DEPS_CONFIG_DIR})
  target_compile_options(${target} PRIVATE -w)
  if(IFL_BARE_METAL)
    target_compile_options(${target} PRIVATE ${IFL_SMALLER})
  endif()
endfunction()

ifl_find_sources(MBEDTLS_SOURCE_DIR mbedtls include/mbedtls/ssl.h)
file(GLOB mbedtls_sources ${MBEDTLS_SOURCE_DIR}/library/*.c)
if(IFL_BARE_METAL)
  list(FILTER mbedtls_sources EXCLUDE REGEX /psa_[^/]*\\.c$)
  list(APPEND mbedtls_sources ${MBEDTLS_SOURCE_DIR}/library/psa_util.c ${IFL_DEPS_CONFIG_DIR}/psa_node.c)
endif()
ifl_third_party(mbedtls SOURCES ${mbedtls_sources} INCLUDE ${MBEDTLS_SOURCE_DIR}/include)
# In <>: in quotes the compiler would find Mbed TLS's own file of that name first.
target_compile_definitions(mbedtls PUBLIC MBEDTLS_CONFIG_FILE=<mbedtls_config.h>)
# Others have a turn while signatures are computed: bignum_pause.h.
target_sources(mbedtls PRIVATE ${IFL_DEPS_CONFIG_DIR}/bignum_pause.c)
function(ifl_pause_in source header)
  set(faster "$<$<BOOL:${IFL_BARE_METAL}>:${IFL_FASTER}>")
  set_source_files_properties(${MBEDTLS_SOURCE_DIR}/library/${source} DIRECTORY ${PROJECT_SOURCE_DIR}
                              PROPERTIES COMPILE_OPTIONS "-include;${IFL_DEPS_CONFIG_DIR}/${header};-I${MBEDTLS_SOURCE_DIR}/library;${faster}"
                                         OBJECT_DEPENDS "${IFL_DEPS_CONFIG_DIR}/${header};${IFL_DEPS_CONFIG_DIR}/bignum_pause.h")
endfunction()
ifl_pause_in(bignum_core.c bignum_core_pause.h)
ifl_pause_in(bignum.c bignum_div_pause.h)
option(IFL_NODE_TLS12 "A node speaks TLS 1.2; without, the setting `tls` can't be 1.2" ON)
option(IFL_NODE_TLS13 "A node speaks TLS 1.3; without, the setting `tls` can't be 1.3" ON)
if(IFL_BARE_METAL)
  target_compile_definitions(mbedtls PUBLIC $<$<NOT:$<BOOL:${IFL_NODE_TLS12}>>:IFL_WITHOUT_TLS12> $<$<NOT:$<BOOL:${IFL_NODE_TLS13}>>:IFL_WITHOUT_TLS13>)
  set(library ${MBEDTLS_SOURCE_DIR}/library)
  set(shape "-include;${IFL_DEPS_CONFIG_DIR}/shape_node.h;-I${library}")
  # Every byte of a message goes through these two: 2 KB of code save more than a quarter of its instructions (./dev bench). Loops over eight or more
  # words stay loops.
  set_source_files_properties(${library}/gcm.c PROPERTIES COMPILE_OPTIONS "-O3;-fno-tree-vectorize;--param=max-completely-peel-times=4;${IFL_FASTER};-fno-lto;${shape}" OBJECT_DEPENDS ${IFL_DEPS_CONFIG_DIR}/shape_node.h)
  set_source_files_properties(${library}/aes.c PROPERTIES COMPILE_OPTIONS "-O2;--param=max-completely-peel-times=8;${IFL_FASTER};-fno-lto;${shape}" OBJECT_DEPENDS ${IFL_DEPS_CONFIG_DIR}/shape_node.h)
  target_compile_definitions(mbedtls PUBLIC IFL_NODE_CRYPTO) # what it leaves out: mbedtls_config.h
  target_sources(mbedtls PRIVATE ${IFL_DEPS_CONFIG_DIR}/sha1_alt.c ${IFL_DEPS_CONFIG_DIR}/left_out.c)
  # And where there is no switch: 2.5 KB.
  foreach(source IN ITEMS sha256.c sha512.c)
    set_source_files_properties(${library}/${source} PROPERTIES COMPILE_OPTIONS "${shape}" OBJECT_DEPENDS ${IFL_DEPS_CONFIG_DIR}/shape_node.h)
  endforeach()
  set_source_files_properties(${library}/pk_wrap.c PROPERTIES COMPILE_DEFINITIONS
                              "mbedtls_rsa_pkcs1_encrypt=ifl_left_out_rsa_encrypt;mbedtls_rsa_pkcs1_decrypt=ifl_left_out_rsa_decrypt;mbedtls_rsa_check_pub_priv=ifl_left_out_rsa_pair;mbedtls_ecp_check_pub_priv=ifl_left_out_ec_pair")
  set_source_files_properties(${library}/oid.c PROPERTIES COMPILE_DEFINITIONS mbedtls_oid_get_attr_short_name=ifl_left_out_attribute_names)
  set_source_files_properties(${library}/pkwrite.c PROPERTIES COMPILE_DEFINITIONS mbedtls_rsa_write_pubkey=ifl_left_out_rsa_write_public)
  set_source_files_properties(${library}/rsa.c PROPERTIES COMPILE_DEFINITIONS
                              "mbedtls_rsa_deduce_primes=ifl_left_out_rsa_primes;mbedtls_rsa_deduce_private_exponent=ifl_left_out_rsa_private_exponent;mbedtls_rsa_deduce_crt=ifl_left_out_rsa_crt")
endif()
set_property(TARGET mbedtls APPEND PROPERTY OBJECT_DEPENDS ${IFL_DEPS_CONFIG_DIR}/mbedtls_config.h ${IFL_DEPS_CONFIG_DIR}/psa_node_config.h)

ifl_find_sources(CJSON_SOURCE_DIR cjson cJSON.h)
ifl_third_party(cjson SOURCES ${CJSON_SOURCE_DIR}/cJSON.c INCLUDE ${CJSON_SOURCE_DIR})
target_compile_options(cjson PRIVATE -include ${IFL_DEPS_CONFIG_DIR}/cjson_config.h)

if(NOT IFL_BARE_METAL AND EXISTS ${CJSON_SOURCE_DIR}/tests/unity/src/unity.c)
  ifl_third_party(unity SOURCES ${CJSON_SOURCE_DIR}/tests/unity/src/unity.c INCLUDE ${CJSON_SOURCE_DIR}/tests/unity/src)
  target_compile_options(unity PUBLIC -include ${IFL_DEPS_CONFIG_DIR}/unity_config.h) # this Unity doesn't look for one itself
endif()
