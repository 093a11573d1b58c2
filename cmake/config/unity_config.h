/* unity_config.h: settings of the test framework Unity. The same on the host and on a target. */
#ifndef IFL_UNITY_CONFIG_H
#define IFL_UNITY_CONFIG_H

/* Byte counts, message numbers and milliseconds are 64 bits wide. */
#define UNITY_SUPPORT_64

/* Nothing in the core is a floating point number; without them a target doesn't link soft float. */
#define UNITY_EXCLUDE_FLOAT
#define UNITY_EXCLUDE_DOUBLE
#define UNITY_EXCLUDE_FLOAT_PRINT

#endif
