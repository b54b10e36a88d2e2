# usage: cpython.sh MODULE [FILE-OF-TESTS]: runs a module of CPython's suite, or some of its tests; prints the results.
set -eu
ulimit -n 4096
mkdir here
cd here
code=0
/usr/bin/python3.11 "$STAGE/fixtures/cpython_suite.py" "$1" ../results ${2:+"$2"} > ../suite.log 2>&1 < /dev/null || code=$?
cat ../results
tail -n 40 ../suite.log >&2
exit $code
