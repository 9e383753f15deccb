/* A scene as a sequence chart. */
#ifndef LAB_CHART_H
#define LAB_CHART_H

#include <lastack/chart.h>

#include "lab/lab.h"

/* NULL: no memory. The caller frees it with la_chart_free(). With `notes`, the sentences of the
 * scene stand in it, with `title` its title above it. */
struct la_chart *lab_chart(struct lab *lab, unsigned scene, enum la_lang lang, bool notes,
                           bool title);

/* Which of the two ends of the chart a host is drawn at. */
enum la_chart_end lab_chart_end(const struct plan *plan, unsigned node);

#endif
