/**
 * Completion scripts by shell. Each asks `sluice __complete WORD…`, the last word being the one under the cursor; an answer is a candidate a line, with a description
 * behind a tab.
 */
export const scripts: ReadonlyMap<string, string> = new Map([
  [
    'bash',
    `# bash completion for sluice
_sluice() {
  local IFS=$'\\n' line
  COMPREPLY=()
  # Bash takes --flag=value apart at the =; put it together again.
  local words=() i
  for ((i = 1; i <= COMP_CWORD; i++)); do
    if [[ \${COMP_WORDS[i]} == = && \${#words[@]} -gt 0 ]]; then words[-1]+="="
    elif [[ \${#words[@]} -gt 0 && \${words[-1]} == *= && \${words[-1]} == --* ]]; then words[-1]+="\${COMP_WORDS[i]}"
    else words+=("\${COMP_WORDS[i]}"); fi
  done
  while IFS= read -r line; do
    line=\${line%%$'\\t'*}
    [[ \${words[-1]} == --*=* ]] && line=\${line#*=}
    COMPREPLY+=("$line")
  done < <("\${COMP_WORDS[0]}" __complete "\${words[@]}" 2>/dev/null)
}
complete -o default -F _sluice sluice
`,
  ],
  [
    'zsh',
    `#compdef sluice
# zsh completion for sluice
_sluice() {
  local -a candidates
  local line value
  while IFS= read -r line; do
    value=\${line%%$'\\t'*}
    if [[ $line == *$'\\t'* ]]; then candidates+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
    else candidates+=("\${value//:/\\\\:}"); fi
  done < <("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( \${#candidates} )); then _describe 'sluice' candidates
  else _files; fi
}
compdef _sluice sluice
`,
  ],
  [
    'fish',
    `# fish completion for sluice
function __sluice_complete
  set -l words (commandline -opc) (commandline -ct)
  command $words[1] __complete $words[2..-1] 2>/dev/null
end
complete -c sluice -f -a '(__sluice_complete)'
`,
  ],
  [
    'powershell',
    `# powershell completion for sluice
Register-ArgumentCompleter -Native -CommandName 'sluice' -ScriptBlock {
  param($word, $ast, $cursor)
  $words = @($ast.CommandElements | Where-Object { $_.Extent.StartOffset -lt $cursor } | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
  # Older versions of PowerShell drop an empty argument.
  if ($word -eq '') { $words += '""' }
  & sluice __complete @words 2>$null | ForEach-Object {
    $value, $description = $_ -split "\`t", 2
    if (-not $description) { $description = $value }
    [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $description)
  }
}
`,
  ],
]);
