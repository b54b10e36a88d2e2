# Standard streams, terminal, working directory, environment and arguments pass through.
. "$STAGE/scenarios/lib.sh"
equal 'standard input' 'abc' "$(printf abc | "${run[@]}" -- cat)"
"${run[@]}" -- sh -c 'echo out; echo err >&2' > out 2> err
equal 'standard output' out "$(cat out)"
equal 'standard error' err "$(cat err)"
equal 'a large stream' "$(bytes 20000000 | sum)" "$(bytes 20000000 | "${run[@]}" -- cat | sum)"
mkdir 'a folder'
equal 'working directory' "$PWD/a folder" "$(cd 'a folder' && "${run[@]}" -- pwd)"
equal 'environment' 'a value' "$(VARIABLE='a value' "${run[@]}" -- sh -c 'echo "$VARIABLE"')"
equal 'arguments' '[a b][][--][-p]' "$("${run[@]}" -- printf '[%s]' 'a b' '' -- -p)"
equal 'no option after the command' '-c -x' "$("${run[@]}" echo -c -x)"
exec 7< <(echo 'from descriptor 7')
equal 'an inherited descriptor' 'from descriptor 7' "$("${run[@]}" -- cat /dev/fd/7)"
equal 'descriptors of the program' "$(ls /proc/self/fd | wc -l)" "$("${run[@]}" -- ls /proc/self/fd | wc -l)"
code_of "${run[@]}" -- true <&- >&- 2>&-
equal 'closed streams' 0 $code
equal 'umask' 0027 "$(umask 0027; "${run[@]}" -- sh -c umask)"
equal 'user' "$(id)" "$("${run[@]}" -- id)"
timeout 40 $python "$fixtures/terminal.py" "${run[@]}" --
