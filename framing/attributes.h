/*
 * What the public headers say to the compiler.
 */
#ifndef FRAMEGATE_FRAMING_ATTRIBUTES_H
#define FRAMEGATE_FRAMING_ATTRIBUTES_H

/* Declarations between the two have C linkage, so that C++ can call the functions. */
#ifdef __cplusplus
#define FG_BEGIN_DECLARATIONS extern "C" {
#define FG_END_DECLARATIONS   }
#else
#define FG_BEGIN_DECLARATIONS
#define FG_END_DECLARATIONS
#endif

/* The compiler warns where a caller ignores the result. */
#define FG_MUST_CHECK __attribute__((warn_unused_result))

#endif
