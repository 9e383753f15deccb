/* The tree of a code block, between python_parse.c and python_run.c. */
#ifndef DRILL_PYTHON_TREE_H
#define DRILL_PYTHON_TREE_H

#include "drill/python.h"

enum py_op {
    PY_OR,
    PY_AND,
    PY_NOT,
    PY_COMPARE, /* first operand, then pairs: the operator is in the operand's `compare` */
    PY_COND,    /* value, condition, other */
    PY_BIT_OR,
    PY_BIT_XOR,
    PY_BIT_AND,
    PY_SHIFT_LEFT,
    PY_SHIFT_RIGHT,
    PY_ADD,
    PY_SUB,
    PY_MUL,
    PY_DIV,
    PY_FLOOR_DIV,
    PY_MOD,
    PY_POWER,
    PY_NEGATE,
    PY_INVERT,
    PY_CONST,
    PY_NAME,
    PY_CALL,
    PY_MAKE_TUPLE,
};

enum py_compare { PY_EQ, PY_NE, PY_LT, PY_LE, PY_GT, PY_GE, PY_IN, PY_NOT_IN };

struct py_node {
    enum py_op op;
    enum py_compare compare;
    struct drill_place place;
    const char *name; /* NAME, CALL */
    struct py_value value;
    struct py_node *first, *next; /* operands */
};

enum py_statement_kind { PY_ASSERT, PY_EXPRESSION, PY_ASSIGN, PY_IF, PY_PASS };

struct py_statement {
    enum py_statement_kind kind;
    struct drill_place place;
    const char *name; /* ASSIGN */
    bool augmented;   /* with `op` before "=" */
    enum py_op op;
    struct py_node *expr, *message; /* what the assertion says of itself */
    const char *text;               /* the expression as written */
    struct py_statement *body;      /* IF */
    struct py_statement *next;
};

struct drill_code {
    struct py_statement *first;
};

#endif
