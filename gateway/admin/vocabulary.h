/*
 * GET /vocabulary: the words of human strings, for completion, and examples to start from.
 */
#ifndef FRAMEGATE_GATEWAY_VOCABULARY_H
#define FRAMEGATE_GATEWAY_VOCABULARY_H

#include "gateway/config/config.h"

/* The document, for free(). NULL if memory is short. */
char *fg_vocabulary_json(const struct fg_config *config);

#endif
