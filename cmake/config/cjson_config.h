/* cjson_config.h: settings of cJSON, included before it by the build (dependencies.cmake).
 *
 * cJSON parses what people give us: service keys and iflow.json. It allocates through cJSON_InitHooks(), from our arena. */
#ifndef IFL_CJSON_CONFIG_H
#define IFL_CJSON_CONFIG_H

/* The parser calls itself once a level. A service key is 3 levels deep and iflow.json 4; the default of 1000 would let a file
 * overrun a node's stack. */
#define CJSON_NESTING_LIMIT 32

/* ENABLE_LOCALES stays undefined: JSON's decimal separator is '.', whatever the machine's locale says. */

#endif
