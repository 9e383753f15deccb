#!/usr/bin/env bash
# scripts/check-links must refuse a link that leads nowhere.

. "$(dirname "$0")/lib.sh"
check() { "$root/scripts/check-links" "$scratch/tree"; }

echo '[tour](docs/tour.md) [elsewhere](https://example.org/x)' | file tree/README.md
echo '[back](../README.md#try-it)' | file tree/docs/tour.md
passes "links that lead somewhere" check
echo '[lost](lost.md)' | file tree/docs/tour.md
refuses "a link that leads nowhere" 'docs/tour.md:1: lost.md is not there' check
finish
