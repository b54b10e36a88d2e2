# The doctor finds a machine where all of this runs fit for it.
. "$STAGE/scenarios/lib.sh"
code_of "$sockeye" doctor > doctor.log
equal doctor 0 $code
[ "$(grep -c . doctor.log)" -ge 3 ] || fail "it says little: $(cat doctor.log)"
