/* A packet taken apart: its header field by field and its checksum step by step, or the layers
 * one by one from the application's bytes to the frame. */
#ifndef LAB_DISSECT_H
#define LAB_DISSECT_H

#include <stdio.h>

#include <lastack/view.h>

#include "lab/record.h"

void lab_dissect(FILE *out, const struct lab_event *packet, bool layers, enum la_lang lang);

#endif
