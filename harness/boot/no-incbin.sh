#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# ccache, but not for assembler: it does not see what .incbin takes in if it does not
# preprocess, and returns a kernel compressed before if that is as long as this one.
case "$*" in
*.S) exec "$@" ;;
esac
exec ccache "$@"
