# SPDX-License-Identifier: ISC
# Completion of tlsherdctl(8) for bash.

_tlsherdctl()
{
	local commands="status workers certificates config metrics sessions \
	    reload upgrade reopen finish stop"
	local options="-c -h -j -s -V --config --help --json --socket --version"
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}

	case $before in
	-c | -s | --config | --socket)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
		;;
	esac
	case $word in
	-*) mapfile -t COMPREPLY < <(compgen -W "$options" -- "$word") ;;
	*) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$word") ;;
	esac
}
complete -F _tlsherdctl tlsherdctl
